#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text/added_tokens.h"

namespace sd {

/// A special token as the files of a folder name it.
struct SpecialToken {
  /// How the file wrote it: transformers fills in the fields of a bare string later.
  enum class Form { kString, kAddedToken };

  std::string role;  ///< "bos_token", "pad_token", …
  AddedToken token;
  Form form = Form::kString;
};

using AddedTokenList = std::vector<std::pair<int32_t, AddedToken>>;

/// What all tokenizers of transformers read from tokenizer_config.json, special_tokens_map.json and
/// added_tokens.json.
struct TokenizerConfig {
  /// The special tokens by role: bos, eos, unk, sep, pad, cls, mask, then the additional ones.
  std::vector<SpecialToken> specials;
  /// `added_tokens_decoder`, or what transformers makes of older files in its place, by id.
  AddedTokenList added;
  /// Absent where the folder names none or one beyond reason (10^30).
  std::optional<int64_t> model_max_length;
  bool clean_up_spaces = false;  ///< `clean_up_tokenization_spaces`, for decoding

  /// The token of that role, or null.
  const SpecialToken* find(const std::string& role) const;
};

/// The special tokens that a tokenizer class takes where no file names another, by role.
using DefaultTokens = std::vector<std::pair<std::string, std::string>>;

/// Reads tokenizer_config.json or, where it has no `added_tokens_decoder`, the older files beside
/// it as transformers 4.57.6 `PreTrainedTokenizerBase._from_pretrained` does; all may be missing.
/// `from_tokenizer_json` is what tokenizer.json adds, where it has been read already.
/// Errors: kModel naming the file, what was expected and what was found.
TokenizerConfig read_tokenizer_config(const std::filesystem::path& folder,
                                      const DefaultTokens& defaults,
                                      const std::optional<AddedTokenList>& from_tokenizer_json);

}  // namespace sd
