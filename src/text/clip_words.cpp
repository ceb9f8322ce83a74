#include "text/clip_words.h"

#include <algorithm>
#include <array>

#include "text/fast_unicode.h"
#include "text/unicode.h"

namespace sd {
namespace {

constexpr char32_t kLongS = 0x017F;
constexpr char32_t kYpogegrammeni = 0x0345;
constexpr char32_t kReplacement = 0xFFFD;

constexpr std::array<std::u32string_view, 2> kMarkers = {U"<|startoftext|>", U"<|endoftext|>"};
constexpr std::array<std::u32string_view, 7> kContractions = {U"'s", U"'t",  U"'re", U"'ve",
                                                              U"'m", U"'ll", U"'d"};

enum class Class { kLetter, kNumber, kSpace, kOther };

Class class_of(char32_t c) {
  switch (char_kind(c)) {
    case CharKind::kLetter: return Class::kLetter;
    case CharKind::kNumber: return Class::kNumber;
    default: return is_white_space(c) ? Class::kSpace : Class::kOther;
  }
}

/// The class in a pattern that ignores case: U+0345 shares its case folding with the letter iota,
/// so that the negated set does not hold it either.
Class class_ignoring_case(char32_t c) { return c == kYpogegrammeni ? Class::kSpace : class_of(c); }

/// The length of the first of `words` that `text` begins with, 0 where there is none.
template <typename Fold>
size_t match_any(std::u32string_view text, const auto& words, Fold fold) {
  for (const std::u32string_view word : words) {
    if (text.size() >= word.size() &&
        std::equal(word.begin(), word.end(), text.begin(),
                   [&](char32_t w, char32_t c) { return w == fold(c); })) {
      return word.size();
    }
  }
  return 0;
}

/// Cuts `text` by the common pattern of both tokenizers:
/// markers | contractions | letters+ | number | other+
template <typename ClassOf, typename Fold>
void split_words(std::u32string_view text, ClipPattern pattern, ClassOf char_class, Fold fold,
                 const std::function<void(std::string_view)>& take) {
  for (size_t at = 0; at < text.size();) {
    const std::u32string_view rest = text.substr(at);
    size_t length = 0;
    if (pattern == ClipPattern::kWithSpecials && rest[0] == U'<') {
      length = match_any(rest, kMarkers, fold);
    }
    if (rest[0] == U'\'') length = match_any(rest, kContractions, fold);
    const Class first = char_class(rest[0]);
    if (length == 0 && first == Class::kSpace) {
      ++at;
      continue;
    }
    if (length == 0) {
      length = 1;
      if (first != Class::kNumber) {
        while (length < rest.size() && char_class(rest[length]) == first) ++length;
      }
    }
    take(to_utf8(rest.substr(0, length)));
    at += length;
  }
}

}  // namespace

std::u32string clean_clip_text(std::u32string_view text) {
  std::u32string kept;
  kept.reserve(text.size());
  for (const char32_t c : text) {
    const bool blank = c == U'\t' || c == U'\n' || c == U'\r' || is_space_separator(c);
    if (blank) {
      kept.push_back(U' ');
    } else if (c == kReplacement || char_kind(c) == CharKind::kOther) {
      continue;
    } else if (is_ideograph(c)) {
      kept.append({U' ', c, U' '});
    } else {
      kept.push_back(c);
    }
  }
  const std::u32string lower = to_lower(to_nfc(kept), SigmaRule::kByContext);
  std::u32string out;
  out.reserve(lower.size());
  for (const char32_t c : lower) {
    if (!is_python_space(c)) {
      out.push_back(c);
    } else if (!out.empty() && out.back() != U' ') {
      out.push_back(U' ');
    }
  }
  if (!out.empty() && out.back() == U' ') out.pop_back();
  return out;
}

std::u32string normalize_clip_text(std::u32string_view text) {
  std::u32string spaced;
  spaced.reserve(text.size());
  bool in_space = false;
  for (const char32_t c : fast::to_nfc(text)) {
    const bool space = is_white_space(c);
    if (!space) spaced.push_back(c);
    if (space && !in_space) spaced.push_back(U' ');
    in_space = space;
  }
  return to_lower(spaced, SigmaRule::kPlain);
}

void split_clean_words(std::u32string_view text,
                       const std::function<void(std::string_view)>& take) {
  const auto fold = [](char32_t c) { return c == kLongS ? U's' : c; };
  split_words(text, ClipPattern::kWithSpecials, class_ignoring_case, fold, take);
}

void split_normalized_words(std::u32string_view text, ClipPattern pattern,
                            const std::function<void(std::string_view)>& take) {
  const auto same = [](char32_t c) { return c; };
  // The ByteLevel step that follows splits by GPT-2's pattern, which leaves all of these words
  // whole but the markers of ClipPattern::kWithSpecials.
  split_words(text, pattern, class_of, same, [&](std::string_view word) {
    if (word == "<|startoftext|>" || word == "<|endoftext|>") {
      split_words(decode_utf8(word), ClipPattern::kPlain, class_of, same, take);
    } else {
      take(word);
    }
  });
}

}  // namespace sd
