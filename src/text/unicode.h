#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sd {

/// The first letter of a code point's general category (Unicode Standard, table 4-4).
enum class CharKind {
  kLetter,       ///< L*
  kMark,         ///< M*
  kNumber,       ///< N*
  kPunctuation,  ///< P*
  kSymbol,       ///< S*
  kSeparator,    ///< Z*
  kOther,        ///< C*: control, format, surrogate, private use, unassigned
};

/// The kind of `c` in the Unicode version of the utf8proc library that is linked.
CharKind char_kind(char32_t c);

/// Whether `c` has a category other than Cn.
bool is_assigned(char32_t c);

/// Whether `c` has category Mn.
bool is_nonspacing_mark(char32_t c);

/// Whether `c` is in one of the blocks of ideographs that BERT's BasicTokenizer sets apart.
bool is_ideograph(char32_t c);

/// Whether `c` has category Zs.
bool is_space_separator(char32_t c);

/// Whether `c` has the property White_Space, `\s` of most regular expression engines.
bool is_white_space(char32_t c);

/// Whether Python's `str.isspace()` holds: White_Space and the separators U+001C to U+001F.
bool is_python_space(char32_t c);

/// Whether `c` is a word character (Unicode Technical Standard 18, annex C), `\w` of Rust's regex
/// crate: Alphabetic, mark, decimal digit, connector punctuation or joiner.
bool is_word_char(char32_t c);

/// A run of code points, both ends included.
struct CharRange {
  char32_t first, last;
};

/// Whether `c` is in one of `ranges`, which are sorted.
bool is_in(char32_t c, std::span<const CharRange> ranges);

/// Code points of a text that a user gave. Errors: kUsage with the byte offset of the first byte
/// that is not UTF-8 (overlong forms, surrogates and values over U+10FFFF are not).
std::u32string decode_utf8(std::string_view text);

/// Appends `c` as UTF-8.
void append_utf8(std::string& out, char32_t c);

std::string to_utf8(std::u32string_view text);

/// `bytes` with one U+FFFD for each maximal part that is not UTF-8 (Unicode Standard, 3.9,
/// "U+FFFD Substitution of Maximal Subparts"), as Python's `errors="replace"` does.
std::string repair_utf8(std::string_view bytes);

/// How many code points at the start of non-empty `text` make one extended grapheme cluster
/// (Unicode Standard Annex 29).
size_t grapheme_length(std::u32string_view text);

/// Normalization Form C (Unicode Standard Annex 15), in n log n time for any text.
std::u32string to_nfc(std::u32string_view text);

/// Normalization Form D, likewise.
std::u32string to_nfd(std::u32string_view text);

/// What becomes of a capital sigma.
enum class SigmaRule {
  kPlain,     ///< U+03C3 always
  kByContext  ///< U+03C2 at the end of a word (Unicode Standard, table 3-17, Final_Sigma)
};

/// Lowercase with the full mappings that depend on no language.
std::u32string to_lower(std::u32string_view text, SigmaRule sigma);

}  // namespace sd
