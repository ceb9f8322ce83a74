#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/clip_words.h"
#include "text/tokenized_prompt.h"

namespace sd {

/// CLIP's byte-pair tokenizer: the ids that transformers 4.57.6 gives for the same folder, with
/// `CLIPTokenizer` (without ftfy) where vocab.json and merges.txt are there, with
/// `CLIPTokenizerFast` where only tokenizer.json is. Safe to use from several threads.
class ClipTokenizer {
 public:
  /// Reads the `tokenizer` folder of a diffusers model; `flavor` asks for one of the two classes
  /// instead. Errors: kModel, for a file that is missing, broken or describes another tokenizer.
  explicit ClipTokenizer(const std::filesystem::path& folder,
                         std::optional<ClipFlavor> flavor = std::nullopt);
  ~ClipTokenizer();
  ClipTokenizer(ClipTokenizer&&) noexcept;
  ClipTokenizer& operator=(ClipTokenizer&&) noexcept;

  /// The ids of `text` (UTF-8) without begin and end. Errors: kUsage for text that is not UTF-8.
  std::vector<int64_t> encode(std::string_view text) const;

  /// What diffusers' pipelines get from `tokenizer(text, padding="max_length", truncation=True,
  /// max_length=max_length)`. Errors: those of encode; kModel where `max_length` is under 3 or the
  /// folder has no padding token.
  TokenizedPrompt tokenize(std::string_view text, int64_t max_length) const;

  /// The text of `ids`, special tokens included, as `tokenizer.decode(ids)`. Errors: kModel for an
  /// id that the vocabulary does not have.
  std::string decode(std::span<const int64_t> ids) const;

  int64_t bos_id() const;
  int64_t eos_id() const;
  /// The padding token's id. Errors: kModel where the folder has none.
  int64_t pad_id() const;

  /// The largest of the ids that any prompt may have: those of the vocabulary, begin, end and
  /// padding. Added tokens that a prompt has to name are not among them.
  LargestToken largest_token() const;

  /// `model_max_length` of the folder (77 for the CLIP encoders of Stable Diffusion).
  std::optional<int64_t> model_max_length() const;

  ClipFlavor flavor() const;

 private:
  class Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace sd
