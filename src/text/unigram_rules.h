#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "text/charsmap.h"
#include "text/spiece_model.h"
#include "text/tokenizer_config.h"
#include "text/unigram.h"

namespace sd {

/// Where a "▁" is put in front of a text (`prepend_scheme` of tokenizers' Metaspace).
enum class PrefixSpace {
  kAlways,  ///< of each stretch between added tokens
  kFirst,   ///< at the start only
  kNever
};

/// What a fast tokenizer does with a text, as a tokenizer.json says it.
struct UnigramRules {
  enum class Normalizer { kCharsmap, kStripLeft, kStripRight, kJoinSpaces };
  enum class Words { kAtSpaces, kWhole };  ///< cut in front of each "▁", or not at all

  UnigramParts parts;
  std::optional<Charsmap> charsmap;
  std::vector<Normalizer> normalizers;  ///< in this order
  std::u32string joined;                ///< what kJoinSpaces puts in place of two or more spaces
  bool split_white_space = false;       ///< the text is cut at white space, which goes
  PrefixSpace prefix = PrefixSpace::kAlways;
  Words words = Words::kAtSpaces;
  bool decode_drops_prefix = true;  ///< no space comes from the first token
  AddedTokenList added;             ///< in the order of the file
  int64_t eos_id = 0;               ///< what the post-processor appends
};

/// Reads the tokenizer.json of a T5. Errors: kModel naming the file, the place in it, what was
/// expected and what was found.
UnigramRules read_unigram_rules(const std::filesystem::path& path);

/// What transformers' T5Converter makes of a SentencePiece model, with `extra_ids` further pieces.
/// Errors: kModel for a broken charsmap.
UnigramRules convert_spiece_model(const std::filesystem::path& path, SpieceModel model,
                                  int64_t extra_ids, PrefixSpace prefix);

}  // namespace sd
