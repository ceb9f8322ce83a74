#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/clip_words.h"

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

/// The part of a tokenizer.json that only fast tokenizers have.
struct FastTokenizerPart {
  AddedTokenList added;  ///< in the order of the file
  ClipPattern pattern = ClipPattern::kPlain;
  int32_t bos_id = 0, eos_id = 0;  ///< what the post-processor puts around the ids
  std::optional<int32_t> unk_id;
};

/// All files of a CLIP tokenizer folder, read and checked one by one.
struct ClipTokenizerFiles {
  ClipFlavor flavor = ClipFlavor::kSlow;
  std::filesystem::path vocabulary_file;  ///< vocab.json or tokenizer.json
  Vocabulary vocabulary;
  Bpe bpe;
  TokenizerConfig config;
  FastTokenizerPart fast;  ///< for ClipFlavor::kFast
};

/// Reads vocab.json and merges.txt where both are there, else tokenizer.json; `flavor` asks for
/// one of the two instead. Special tokens are resolved as transformers 4.57.6
/// `PreTrainedTokenizerBase._from_pretrained` does. Errors: kModel naming the file, what was
/// expected and what was found.
ClipTokenizerFiles read_clip_tokenizer_files(const std::filesystem::path& folder,
                                             std::optional<ClipFlavor> flavor);

}  // namespace sd
