#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/check.h"
#include "jobs/job.h"

namespace sd {

/// The most bytes of a line, record or object of a job file.
inline constexpr size_t kMaxJobText = size_t{1} << 20;

/// A line, record or object of a job file, and where it begins.
struct JobText {
  std::string_view text;
  JobPlace start;  ///< of the first byte; column 0 is column 1

  /// The place of a byte of `text`, or of its end.
  JobPlace place(size_t offset) const;

  /// Throws kUsage: the place of that byte and the parts.
  template <typename... Parts>
  [[noreturn]] void fail_at(size_t offset, const Parts&... parts) const {
    fail(ErrorKind::kUsage, print_place(place(offset)), ": ", parts...);
  }

  /// Throws kUsage at the first byte that is NUL or no UTF-8.
  void check_encoding() const;
};

/// The place after these bytes, which begin at `start`.
JobPlace place_after(JobPlace start, std::string_view bytes);

/// Whether the byte is a space, a tab, or another of the ASCII characters that part words.
bool is_blank(char c);

/// The text without blanks at its ends.
std::string_view trim(std::string_view text);

/// Bytes of the JSON string, quotes included, that `text` starts with; its size where it has no
/// end.
size_t json_string_length(std::string_view text);

/// The text as a message quotes it: in one line, of valid UTF-8, and "…" after so many characters.
std::string quotable(std::string_view text, size_t most = 60);

}  // namespace sd
