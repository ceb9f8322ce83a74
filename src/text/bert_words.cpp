#include "text/bert_words.h"

#include <algorithm>

#include "text/fast_unicode.h"
#include "text/unicode.h"

namespace sd {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

bool is_ascii_punctuation(char32_t c) {
  return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
         (c >= 123 && c <= 126);
}

bool is_line_or_tab(char32_t c) { return c == U'\t' || c == U'\n' || c == U'\r'; }

/// `BasicTokenizer._clean_text` and `_tokenize_chinese_chars`.
std::u32string clean_basic_text(std::u32string_view text, const BertTextRules& rules) {
  std::u32string out;
  out.reserve(text.size());
  for (const char32_t c : text) {
    if (is_line_or_tab(c) || is_space_separator(c)) {
      out.push_back(U' ');
    } else if (c == kReplacement || char_kind(c) == CharKind::kOther) {
      continue;
    } else if (rules.chinese_chars && is_ideograph(c)) {
      out.append({U' ', c, U' '});
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::u32string without_accents(std::u32string_view text) {
  std::u32string out = to_nfd(text);
  std::erase_if(out, is_nonspacing_mark);
  return out;
}

/// Gives `take` the parts of `word` around punctuation, each such character a part of its own.
template <typename IsPunctuation, typename Take>
void split_at_punctuation(std::u32string_view word, IsPunctuation is_punctuation,
                          const Take& take) {
  for (size_t begin = 0; begin < word.size();) {
    size_t end = begin;
    while (end < word.size() && !is_punctuation(word[end])) ++end;
    end = std::max(end, begin + 1);
    take(word.substr(begin, end - begin));
    begin = end;
  }
}

/// Gives `take` the parts of `text` between characters that are spaces; none is empty.
template <typename IsSpace, typename Take>
void split_at_space(std::u32string_view text, IsSpace is_space, const Take& take) {
  for (auto begin = text.begin(); begin != text.end();) {
    begin = std::find_if_not(begin, text.end(), is_space);
    const auto end = std::find_if(begin, text.end(), is_space);
    if (begin != end) take(std::u32string_view(begin, end));
    begin = end;
  }
}

/// What the library takes for ideographs: that of transformers but for U+2B820 to U+2B91F.
bool is_fast_ideograph(char32_t c) { return is_ideograph(c) && !(c >= 0x2B820 && c <= 0x2B91F); }

std::u32string clean_fast_text(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (const char32_t c : text) {
    if (is_line_or_tab(c)) {
      out.push_back(U' ');
    } else if (c != kReplacement && !fast::is_other(c)) {
      out.push_back(is_white_space(c) ? U' ' : c);
    }
  }
  return out;
}

std::u32string set_ideographs_apart(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (const char32_t c : text) {
    if (is_fast_ideograph(c)) {
      out.append({U' ', c, U' '});
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace

std::vector<std::u32string> split_basic_words(
    std::u32string_view text, const BertTextRules& rules,
    const std::function<bool(const std::u32string&)>& is_kept) {
  const auto is_punctuation = [](char32_t c) {
    return is_ascii_punctuation(c) || char_kind(c) == CharKind::kPunctuation;
  };
  std::vector<std::u32string> words;
  split_at_space(
      to_nfc(clean_basic_text(text, rules)), is_python_space, [&](std::u32string_view part) {
        std::u32string word(part);
        if (!is_kept(word)) {
          if (rules.lower_case) word = to_lower(word, SigmaRule::kByContext);
          if (rules.strips_accents()) word = without_accents(word);
        }
        if (is_kept(word)) {
          words.push_back(std::move(word));
        } else {
          split_at_punctuation(word, is_punctuation,
                               [&](std::u32string_view piece) { words.emplace_back(piece); });
        }
      });
  return words;
}

std::u32string normalize_bert_text(std::u32string_view text, const BertTextRules& rules) {
  std::u32string out = rules.cleans ? clean_fast_text(text) : std::u32string(text);
  if (rules.chinese_chars) out = set_ideographs_apart(out);
  if (rules.strips_accents()) {
    out = fast::to_nfd(out);
    std::erase_if(out, fast::is_nonspacing_mark);
  }
  return rules.lower_case ? to_lower(out, SigmaRule::kPlain) : out;
}

void split_bert_words(std::u32string_view text,
                      const std::function<void(std::u32string_view)>& take) {
  const auto is_punctuation = [](char32_t c) {
    return is_ascii_punctuation(c) || fast::is_punctuation(c);
  };
  split_at_space(text, is_white_space, [&](std::u32string_view part) {
    split_at_punctuation(part, is_punctuation, take);
  });
}

}  // namespace sd
