#pragma once

#include <string>
#include <string_view>

/// Unicode as the tokenizers library 0.22 knows it: characters that are newer than its tables have
/// no category and no decomposition there.
namespace sd::fast {

/// Normalization forms by tables of Unicode 9: characters that are newer stay where they are, and
/// nothing combines across them.
std::u32string to_nfc(std::u32string_view text);
std::u32string to_nfd(std::u32string_view text);

// Categories of Unicode 8.

/// Categories Cc, Cf and Co; unassigned characters are not among them.
bool is_other(char32_t c);

/// Categories P*.
bool is_punctuation(char32_t c);

/// Category Mn.
bool is_nonspacing_mark(char32_t c);

}  // namespace sd::fast
