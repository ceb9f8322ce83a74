#pragma once

#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <string_view>
#include <unistd.h>

namespace sd {

/// Takes the place of standard input until it goes.
class StandardInput {
 public:
  /// A file, or the terminal or device of that name.
  static StandardInput file(const std::filesystem::path& path) {
    return {::open(path.c_str(), O_RDONLY | O_NOCTTY), -1};
  }
  /// A pipe that holds these few bytes. Its other end is closed, unless it `stays_open` as for a
  /// writer that has still to write.
  static StandardInput pipe(std::string_view bytes, bool stays_open = false) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0 || ::write(ends[1], bytes.data(), bytes.size()) < 0) std::abort();
    if (!stays_open) ::close(ends[1]);
    return {ends[0], stays_open ? ends[1] : -1};
  }
  ~StandardInput() {
    ::dup2(old_, STDIN_FILENO);
    ::close(old_);
    if (writer_ >= 0) ::close(writer_);
  }
  StandardInput(const StandardInput&) = delete;
  StandardInput& operator=(const StandardInput&) = delete;

 private:
  StandardInput(int source, int writer) : old_(::dup(STDIN_FILENO)), writer_(writer) {
    if (source < 0 || ::dup2(source, STDIN_FILENO) < 0) std::abort();
    ::close(source);
  }

  int old_;
  int writer_;
};

}  // namespace sd
