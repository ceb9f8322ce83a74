#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenized_prompt.h"

namespace sd {

/// Which class of transformers a folder is read with. The two differ in how they normalize, and on
/// text around added tokens.
enum class SentencePieceFlavor {
  kSlow,  ///< T5Tokenizer, which HunyuanDiT's folders name
  kFast   ///< T5TokenizerFast, which those of Stable Diffusion 3 name
};

class T5TokenizerClass;

/// The SentencePiece tokenizer of T5 and mT5 (Kudo & Richardson 2018, arXiv:1808.06226): the ids
/// that transformers 4.57.6 gives for the same folder. Safe to use from several threads.
class SentencePieceTokenizer {
 public:
  /// Reads a tokenizer folder of a diffusers model. `flavor` is that of the class which
  /// model_index.json names; without it, kSlow where spiece.model is there. A folder of
  /// transformers 5, which has only tokenizer.json, is kFast whatever the class is called.
  /// Errors: kModel, for a file that is missing, broken or describes another tokenizer.
  explicit SentencePieceTokenizer(const std::filesystem::path& folder,
                                  std::optional<SentencePieceFlavor> flavor = std::nullopt);
  ~SentencePieceTokenizer();
  SentencePieceTokenizer(SentencePieceTokenizer&&) noexcept;
  SentencePieceTokenizer& operator=(SentencePieceTokenizer&&) noexcept;

  /// The ids of `text` (UTF-8) without the end. Errors: kUsage for text that is not UTF-8.
  std::vector<int64_t> encode(std::string_view text) const;

  /// What diffusers' pipelines get from `tokenizer(text, padding="max_length", truncation=True,
  /// max_length=max_length)`. Errors: those of encode; kModel where `max_length` is under 2 or the
  /// folder has no padding token.
  TokenizedPrompt tokenize(std::string_view text, int64_t max_length) const;

  /// The text of `ids`, special tokens included, as `tokenizer.decode(ids)`. Errors: kModel for an
  /// id that the vocabulary does not have.
  std::string decode(std::span<const int64_t> ids) const;

  int64_t eos_id() const;
  /// The padding token's id. Errors: kModel where the folder has none.
  int64_t pad_id() const;

  /// The largest of the ids that any prompt may have: those of the vocabulary, end and padding.
  /// Added tokens that a prompt has to name (`<extra_id_n>`) are not among them.
  LargestToken largest_token() const;

  /// `model_max_length` of the folder (512 in those of Stable Diffusion 3; diffusers asks for 256).
  std::optional<int64_t> model_max_length() const;

  SentencePieceFlavor flavor() const { return flavor_; }

 private:
  std::filesystem::path folder_;
  SentencePieceFlavor flavor_;
  std::unique_ptr<const T5TokenizerClass> tokenizer_;
};

}  // namespace sd
