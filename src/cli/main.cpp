#include <chrono>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <fstream>
#include <iostream>
#include <new>
#include <string>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sd/error.h"

#include "cli/bus_error.h"
#include "cli/run.h"
#include "cli/signals.h"
#include "io/temporary_file.h"

namespace {

/// Where a standard stream was closed its number must not go to the next file that is opened.
void keep_standard_streams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    // Read-only also for the outputs: writing to a closed one stays an error.
    if (::fcntl(fd, F_GETFD) == -1 && ::open("/dev/null", O_RDONLY) != fd) std::abort();
  }
}

int terminal_columns() {
  constexpr int kUsual = 80;
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

double seconds() {
  using Seconds = std::chrono::duration<double>;
  return Seconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Resident bytes, of /proc/self/statm.
double memory() {
  double all = 0;
  double resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

/// VmHWM, which getrusage calls ru_maxrss and counts in kB.
double peak_memory() {
  constexpr double kKilobyte = 1024;
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return kKilobyte * static_cast<double>(usage.ru_maxrss);
}

/// 32 bits: short enough to type, and exact where JSON numbers are doubles.
uint64_t random_seed() {
  uint32_t seed = 0;
  if (::getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) seed = static_cast<uint32_t>(::getpid());
  return seed;
}

/// For what nobody can catch: what a library throws while it starts or on a thread of its own.
[[noreturn]] void end_in_one_sentence() {
  int status = sd::kInternalErrorCode;
  std::string sentence = "internal error";
  try {
    if (const auto thrown = std::current_exception()) std::rethrow_exception(thrown);
  } catch (const std::bad_alloc&) {
    status = sd::exit_code(sd::ErrorKind::kMemory);
    sentence = "out of memory";
  } catch (const std::exception& error) {
    sentence = sentence + ": " + error.what();
  } catch (...) {
    sentence += ": an exception of unknown type";
  }
  sd::remove_live_temporaries();
  std::cerr << "sd: error: " << sentence << std::endl;
  ::_exit(status);
}

}  // namespace

int main(int argc, char** argv) {
  std::set_terminate(end_in_one_sentence);
  keep_standard_streams();
  sd::install_signals();
  sd::install_bus_error_handler();
  const sd::Host host = {.out = std::cout,
                         .err = std::cerr,
                         .out_is_terminal = ::isatty(STDOUT_FILENO) == 1,
                         .err_is_terminal = ::isatty(STDERR_FILENO) == 1,
                         .columns = terminal_columns,
                         .seconds = seconds,
                         .memory = memory,
                         .peak_memory = peak_memory,
                         .stop_signal = sd::stop_signal,
                         .take_status_request = sd::take_status_request,
                         .random_seed = random_seed,
                         .load = sd::load_pipeline};
  int status = sd::run({argv + (argc > 0 ? 1 : 0), argv + argc}, host);
  std::cout.flush();
  if (!std::cout && status == 0) {
    std::cerr << "sd: error: standard output cannot be written\n";
    status = sd::exit_code(sd::ErrorKind::kOutput);
  }
  std::cerr.flush();
  ::_exit(status);  // every file is closed; tearing libtorch down would take longer than painting
}
