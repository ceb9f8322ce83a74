#include "cli/bus_error.h"

#include <array>
#include <climits>
#include <csignal>
#include <cstdint>
#include <fcntl.h>
#include <span>
#include <string_view>
#include <unistd.h>

#include "sd/error.h"

#include "io/temporary_file.h"

namespace sd {
namespace {

// All of this calls only what a signal handler may call.

/// /proc/self/maps, whose lines are "BEGIN-END rwxp OFFSET DEVICE INODE   PATH".
class Maps {
 public:
  Maps() : descriptor_(::open("/proc/self/maps", O_RDONLY | O_CLOEXEC)) {}

  /// The next byte; '\0' at the end.
  char next() {
    if (at_ == filled_) {
      filled_ = ::read(descriptor_, buffer_.data(), buffer_.size());
      at_ = 0;
      if (filled_ <= 0) return filled_ = 0, '\0';
    }
    return buffer_[at_++];
  }

  /// A number of hexadecimal digits, and the byte behind it is taken, too.
  std::uintptr_t next_number() {
    std::uintptr_t number = 0;
    for (;;) {
      const char digit = next();
      if (digit >= '0' && digit <= '9') {
        number = number << 4 | static_cast<std::uintptr_t>(digit - '0');
      } else if (digit >= 'a' && digit <= 'f') {
        number = number << 4 | static_cast<std::uintptr_t>(digit - 'a' + 10);
      } else {
        return number;
      }
    }
  }

 private:
  int descriptor_;
  std::array<char, 4096> buffer_;
  ssize_t at_ = 0;
  ssize_t filled_ = 0;
};

/// The path of the file that is mapped at `address`, in `path`; empty where there is none.
std::string_view find_mapped_file(std::uintptr_t address, std::span<char> path) {
  Maps maps;
  for (;;) {
    const std::uintptr_t begin = maps.next_number();
    const std::uintptr_t end = maps.next_number();
    std::size_t length = 0;
    char byte = maps.next();
    for (; byte != '\n' && byte != '\0'; byte = maps.next()) {
      if ((length > 0 || byte == '/') && length < path.size()) path[length++] = byte;
    }
    if (begin <= address && address < end) return {path.data(), length};
    if (byte == '\0') return {};
  }
}

void print(std::string_view text) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

extern "C" void on_bus_error(int signal, siginfo_t* info, void*) {
  static std::array<char, PATH_MAX> path;
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  const std::string_view file = find_mapped_file(address, path);
  if (file.empty()) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);  // comes on return, and ends the program
    return;
  }
  remove_live_temporaries();
  print(::isatty(STDERR_FILENO) == 1 ? "\nsd: error: " : "sd: error: ");
  print(file);
  print(": the file became shorter while it was read, or its disk fails\n");
  ::_exit(exit_code(ErrorKind::kModel));
}

}  // namespace

void install_bus_error_handler() {
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, nullptr);
}

}  // namespace sd
