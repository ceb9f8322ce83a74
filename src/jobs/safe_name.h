#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sd {

inline constexpr std::size_t kMaxName = 255;  ///< bytes of a file's name, NAME_MAX of Linux

/// What a text is within a file's name: `/ \ < > : " | ? *`, control characters (line breaks and
/// what turns the direction of writing among them) and the dots and spaces that it begins with are
/// `_`; it is cut at `most` code points and at kMaxName bytes, and what dots and spaces then end it
/// are left out. Never empty (`_`), and so neither `.` nor `..`, whatever stands beside it.
std::string safe_name(std::string_view text, std::size_t most = kMaxName);

/// Cuts the last code point of a text that is not empty, and the spaces and dots before it, but
/// leaves one code point.
void cut_last(std::string& text);

/// The first eight words of the text, by spaces and ASCII's punctuation; "empty" where it has none.
std::string first_words(std::string_view text);

}  // namespace sd
