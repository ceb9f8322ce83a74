#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sd {

/// What BERT's tokenizers do to a text before they look for pieces.
struct BertTextRules {
  bool cleans = true;           ///< control characters go, white space becomes spaces
  bool lower_case = true;       ///< `do_lower_case`
  bool chinese_chars = true;    ///< `tokenize_chinese_chars`: each ideograph is a word
  std::optional<bool> accents;  ///< `strip_accents`; without it, as `lower_case`

  bool strips_accents() const { return accents.value_or(lower_case); }
};

/// The words of `text` by `BasicTokenizer` of transformers 4.57.6: split at white space and around
/// punctuation; those in `kept` stay as they are. Characters that utf8proc does not know (2.8:
/// Unicode 15) are dropped as unassigned, where Python goes by its own version (3.11: 14).
std::vector<std::u32string> split_basic_words(
    std::u32string_view text, const BertTextRules& rules,
    const std::function<bool(const std::u32string&)>& is_kept);

/// `text` through the `BertNormalizer` of the tokenizers library.
std::u32string normalize_bert_text(std::u32string_view text, const BertTextRules& rules);

/// Gives `take` each word of `text`, which has been through normalize_bert_text, by the
/// `BertPreTokenizer` of the tokenizers library.
void split_bert_words(std::u32string_view text,
                      const std::function<void(std::u32string_view)>& take);

}  // namespace sd
