#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "text/tokenizer_config.h"

namespace sd {

/// What the T5 tokenizers of transformers take from a folder besides the vocabulary.
struct T5TokenizerSettings {
  TokenizerConfig config;  ///< the special tokens with the `<extra_id_n>`
  /// The `<extra_id_n>` that the Python class adds by itself, from the vocabulary's end on.
  AddedTokenList sentinels;
  int64_t extra_ids = 100;
  std::optional<bool> add_prefix_space;  ///< absent where the folder does not say
  bool legacy = true;
};

/// `extra_ids`, `add_prefix_space` and `legacy` of tokenizer_config.json; `pieces` of the
/// SentencePiece model count into the ids of the sentinels, `from_tokenizer_json` is what
/// tokenizer.json adds, where it has been read already. Errors: kModel naming the file, key,
/// expected and found.
T5TokenizerSettings read_t5_settings(const std::filesystem::path& folder, int64_t pieces,
                                     const std::optional<AddedTokenList>& from_tokenizer_json);

/// Whether tokenizer_config.json has a value for `add_prefix_space`: T5TokenizerFast then converts
/// spiece.model although a tokenizer.json is there.
bool says_add_prefix_space(const std::filesystem::path& folder);

}  // namespace sd
