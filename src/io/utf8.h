#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sd {

/// Text that is meant as UTF-8 but may be Latin-1 (which PNG's tEXt is by definition): unchanged
/// where it is valid UTF-8, else converted.
std::string utf8_or_latin1(std::string_view bytes);

/// Whether the bytes are valid UTF-8 (RFC 3629: no overlong forms, no surrogates).
bool is_utf8(std::string_view bytes);

/// Length of the valid UTF-8 sequence at the start of non-empty `bytes`, 0 where there is none.
std::size_t utf8_sequence(std::string_view bytes);

/// A code point and its length in bytes; a byte that is no UTF-8 stands for itself.
struct CodePoint {
  std::uint32_t value;
  std::size_t length;
};

/// The first code point of non-empty `bytes`.
CodePoint code_point(std::string_view bytes);

/// Adds a code point, U+FFFD in place of a surrogate or of what is beyond U+10FFFF.
void append_utf8(std::string& text, std::uint32_t code_point);

/// The text as it may stand in the metadata of a picture: what is no UTF-8, and NUL, is U+FFFD.
std::string clean_utf8(std::string_view text);

/// The text with the letters A to Z, and no others, in lower case.
std::string lower_case(std::string_view text);

}  // namespace sd
