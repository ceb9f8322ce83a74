#include "cli/stop_signals.h"

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

}  // namespace

void install_stop_signals() {
  std::signal(SIGPIPE, SIG_DFL);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of write()
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction action {};
    ::sigaction(signal, nullptr, &action);
    if (action.sa_handler == SIG_IGN) continue;
    action = {};
    action.sa_handler = on_stop_signal;
    action.sa_flags = SA_RESTART;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(signal, &action, nullptr);
  }
}

int stop_signal() { return first_signal.load(); }

}  // namespace sd
