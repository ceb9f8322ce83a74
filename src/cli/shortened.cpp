#include "cli/shortened.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "core/check.h"

namespace sd {
namespace {

size_t count_words(std::string_view text) {
  size_t words = 0;
  bool in_word = false;
  for (const char c : text) {
    const bool is_space = c == ' ' || (c >= '\t' && c <= '\r');
    if (!is_space && !in_word) ++words;
    in_word = !is_space;
  }
  return words;
}

/// Whether this byte of UTF-8 goes on with the character of the byte before.
bool is_inside_character(char byte) { return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80; }

std::ptrdiff_t count_characters(std::string_view text) {
  return std::ssize(text) - std::ranges::count_if(text, is_inside_character);
}

}  // namespace

std::string shortened(std::string_view sentence) {
  constexpr size_t kLongestWord = 60;
  const std::string_view quote = sentence.ends_with('"') ? "\"" : "";
  const std::string_view text = sentence.substr(0, sentence.size() - quote.size());
  if (text.size() <= kLongestSentence) return std::string(sentence);
  const size_t space = text.substr(0, kLongestSentence).rfind(' ');
  if (space != text.npos && space + kLongestWord > kLongestSentence) {
    const size_t words = count_words(text.substr(space));
    return concat_text(text.substr(0, space), "\u2026", quote, " and ", words,
                       words == 1 ? " more word" : " more words");
  }
  size_t end = kLongestSentence;  // no spaces: Chinese, say
  while (end > 0 && is_inside_character(text[end])) --end;
  return concat_text(text.substr(0, end), "\u2026", quote, " and ",
                     count_characters(text.substr(end)), " more characters");
}

std::string without_middle(std::string_view error) {
  constexpr size_t kEnd = 1000;
  if (error.size() <= kLongestError) return std::string(error);
  size_t first = kLongestError - kEnd;
  while (first > 0 && is_inside_character(error[first])) --first;
  size_t last = error.size() - kEnd;
  while (last < error.size() && is_inside_character(error[last])) ++last;
  return concat_text(error.substr(0, first), "\u2026", error.substr(last));
}

}  // namespace sd
