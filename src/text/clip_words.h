#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace sd {

/// The two tokenizers that exist for CLIP. They agree on plain text and differ on control
/// characters, some marks and final sigma.
enum class ClipFlavor {
  kSlow,  ///< transformers 4.57 `CLIPTokenizer` without ftfy
  kFast,  ///< transformers 4.57 `CLIPTokenizerFast`, a tokenizer.json
};

/// Which words the pattern of a tokenizer.json cuts out first.
enum class ClipPattern {
  kPlain,        ///< none: folders that transformers 4 wrote
  kWithSpecials  ///< `<|startoftext|>` and `<|endoftext|>`: folders that transformers 5 wrote
};

/// `text` as the slow tokenizer's BasicTokenizer leaves it: without control characters, CJK
/// ideographs apart, NFC, lowercase, single spaces. Unassigned characters go too: those that
/// utf8proc does not know (2.8: Unicode 15), where Python goes by its own version (3.11: 14).
std::u32string clean_clip_text(std::u32string_view text);

/// `text` through the normalizer of CLIP's tokenizer.json: NFC, white space to single spaces,
/// lowercase.
std::u32string normalize_clip_text(std::u32string_view text);

/// Gives `take` each word of `text` as UTF-8, for the slow tokenizer: contractions, runs of
/// letters, single digits, runs of other characters; `text` has been through clean_clip_text.
void split_clean_words(std::u32string_view text, const std::function<void(std::string_view)>& take);

/// The same for the fast tokenizer; `text` has been through normalize_clip_text.
void split_normalized_words(std::u32string_view text, ClipPattern pattern,
                            const std::function<void(std::string_view)>& take);

}  // namespace sd
