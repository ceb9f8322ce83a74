#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "text/bpe.h"
#include "text/clip_words.h"
#include "text/tokenizer_config.h"

namespace sd {

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
