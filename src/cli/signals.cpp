#include "cli/signals.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <unistd.h>

#include "io/temporary_file.h"

namespace sd {
namespace {

std::atomic<int> first_signal{0};
static_assert(std::atomic<int>::is_always_lock_free, "used in a signal handler");

/// Says that the signal was heard: a step of a large picture takes long. On a terminal after the
/// live line, which the shell's ^C has broken. Only what a signal handler may call.
void announce_stop() {
  constexpr std::string_view kText =
      "\nsd: stopping as soon as the step at hand is done; a second signal stops at once\n";
  const size_t from = ::isatty(STDERR_FILENO) == 1 ? 0 : 1;
  [[maybe_unused]] const auto written =
      ::write(STDERR_FILENO, kText.data() + from, kText.size() - from);
}

extern "C" void on_stop_signal(int signal) {
  int none = 0;
  if (first_signal.compare_exchange_strong(none, signal)) {
    const int error = errno;
    announce_stop();
    errno = error;
    return;
  }
  remove_live_temporaries();
  constexpr int kSignalBase = 128;
  ::_exit(kSignalBase + signal);
}

std::atomic<bool> status_is_requested{false};

extern "C" void on_status_signal(int) { status_is_requested = true; }

/// Calls that the signal interrupts go on after it.
void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  ::sigaction(signal, nullptr, &action);
  if (action.sa_handler == SIG_IGN) return;
  action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

void install_signals() {
  std::signal(SIGPIPE, SIG_DFL);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of write()
  handle(SIGINT, on_stop_signal);
  handle(SIGTERM, on_stop_signal);
  handle(SIGUSR1, on_status_signal);
}

bool take_status_request() { return status_is_requested.exchange(false); }

int stop_signal() { return first_signal.load(); }

}  // namespace sd
