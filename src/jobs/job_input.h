#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sd {

/// The bytes of a file, pipe or terminal as they come, and a window on those that were read and not
/// yet taken.
class JobInput {
 public:
  /// Opens the file, or takes standard input for "-". `is_stopped` is asked before each read, and
  /// every 100 ms while it waits for bytes. Errors: kUsage (no such file, a folder, not readable).
  JobInput(const std::string& path, std::function<bool()> is_stopped);
  ~JobInput();
  JobInput(const JobInput&) = delete;
  JobInput& operator=(const JobInput&) = delete;

  /// As it was named; "standard input" for -.
  const std::shared_ptr<const std::string>& name() const { return name_; }

  /// Whether it can be read once more: no pipe, terminal or standard input.
  bool is_regular_file() const { return is_regular_file_; }

  /// The window. Valid until grow() or take().
  std::string_view bytes() const { return {buffer_.data() + begin_, end_ - begin_}; }

  /// Reads what has come, at least a byte, to the end of the window. False at the end of the file.
  /// Errors: kUsage where it cannot be read, kInterrupted once is_stopped().
  bool grow();

  /// Drops that many bytes from the front of the window.
  void take(size_t count) { begin_ += count; }

 private:
  void wait() const;

  std::shared_ptr<const std::string> name_;
  std::function<bool()> is_stopped_;
  int descriptor_ = -1;
  bool is_own_ = false;  // standard input is not
  bool is_regular_file_ = false;
  std::vector<char> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace sd
