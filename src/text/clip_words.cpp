#include "text/clip_words.h"

#include <algorithm>
#include <array>

#include "text/unicode.h"

namespace sd {
namespace {

constexpr char32_t kLongS = 0x017F;
constexpr char32_t kYpogegrammeni = 0x0345;
constexpr char32_t kReplacement = 0xFFFD;

// What has a combining class or a canonical composition since Unicode 10: the normalization tables
// of the tokenizers library are those of Unicode 9, where these are unassigned.
constexpr std::array kUnknownToFastNfc = {
    CharRange{0x07FD, 0x07FD},   CharRange{0x0898, 0x089F},   CharRange{0x08CA, 0x08D3},
    CharRange{0x09FE, 0x09FE},   CharRange{0x0C3C, 0x0C3C},   CharRange{0x0D3B, 0x0D3C},
    CharRange{0x0EBA, 0x0EBA},   CharRange{0x0ECE, 0x0ECE},   CharRange{0x1715, 0x1715},
    CharRange{0x1ABF, 0x1ACE},   CharRange{0x1DF6, 0x1DFA},   CharRange{0xA82C, 0xA82C},
    CharRange{0x10D24, 0x10D27}, CharRange{0x10EAB, 0x10EAC}, CharRange{0x10EFD, 0x10EFF},
    CharRange{0x10F46, 0x10F50}, CharRange{0x10F82, 0x10F85}, CharRange{0x11070, 0x11070},
    CharRange{0x1133B, 0x1133B}, CharRange{0x1145E, 0x1145E}, CharRange{0x11839, 0x1183A},
    CharRange{0x11930, 0x11930}, CharRange{0x11935, 0x11935}, CharRange{0x11938, 0x11938},
    CharRange{0x1193D, 0x1193E}, CharRange{0x11943, 0x11943}, CharRange{0x119E0, 0x119E0},
    CharRange{0x11A34, 0x11A34}, CharRange{0x11A47, 0x11A47}, CharRange{0x11A99, 0x11A99},
    CharRange{0x11D42, 0x11D42}, CharRange{0x11D44, 0x11D45}, CharRange{0x11D97, 0x11D97},
    CharRange{0x11F41, 0x11F42}, CharRange{0x16FF0, 0x16FF1}, CharRange{0x1E08F, 0x1E08F},
    CharRange{0x1E130, 0x1E136}, CharRange{0x1E2AE, 0x1E2AE}, CharRange{0x1E2EC, 0x1E2EF},
    CharRange{0x1E4EC, 0x1E4EF},
};

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

/// The ideographs that BERT's BasicTokenizer sets apart.
bool is_ideograph(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B820 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

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

/// NFC by the tables of the tokenizers library: characters that they do not know stay where they
/// are and nothing combines across them.
std::u32string nfc_of_fast(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  const auto is_unknown = [](char32_t c) { return is_in(c, kUnknownToFastNfc); };
  for (auto begin = text.begin(); begin != text.end();) {
    const auto end = std::find_if(begin, text.end(), is_unknown);
    out += to_nfc({begin, end});
    begin = end;
    if (begin != text.end()) out.push_back(*begin++);
  }
  return out;
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
  for (const char32_t c : nfc_of_fast(text)) {
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
