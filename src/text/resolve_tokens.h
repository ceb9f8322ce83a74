#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "text/added_tokens.h"
#include "text/tokenizer_config.h"

namespace sd {

/// A vocabulary as added tokens are resolved against it.
struct VocabularyView {
  std::filesystem::path folder;  ///< for messages
  size_t size = 0;               ///< of different tokens
  std::function<std::optional<int32_t>(std::string_view)> find;
  std::function<bool(int64_t)> has_id;
};

/// The added tokens of a Python tokenizer.
struct ResolvedSlowTokens {
  using Contents = std::set<std::string, std::less<>>;

  SlowAddedTokens tokens;  ///< ready to split
  Contents special;        ///< `all_special_tokens`
  Contents separate;       ///< those that decode writes between spaces
};

/// As transformers' `PreTrainedTokenizer.__init__` adds them: `own`, which the class brings along,
/// the folder's, the special ones. Errors: kModel where a new token gets an id that is taken.
ResolvedSlowTokens resolve_slow_tokens(const AddedTokenList& own, const TokenizerConfig& config,
                                       const VocabularyView& vocabulary);

/// As tokenizers' deserialization and then transformers' `PreTrainedTokenizerFast.__init__` add
/// them: `from_file`, in its order, the folder's, the special ones; not yet built.
/// Errors: kModel where a new token gets an id that is taken.
FastAddedTokens resolve_fast_tokens(const AddedTokenList& from_file, const TokenizerConfig& config,
                                    const VocabularyView& vocabulary);

}  // namespace sd
