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

/// Which class of transformers a folder is read with. The two differ in what they know of Unicode
/// and on text around added tokens.
enum class WordPieceFlavor {
  kSlow,  ///< BertTokenizer, which HunyuanDiT's folders name
  kFast   ///< BertTokenizerFast, a tokenizer.json
};

/// BERT's WordPiece tokenizer (Devlin et al. 2018, arXiv:1810.04805): the ids that transformers
/// 4.57.6 gives for the same folder. Safe to use from several threads.
class WordPieceTokenizer {
 public:
  /// Reads the `tokenizer` folder of a diffusers model: vocab.txt, or tokenizer.json alone, which
  /// is kFast whatever `flavor` says. Without `flavor`, kSlow where vocab.txt is there.
  /// Errors: kModel, for a file that is missing, broken or describes another tokenizer.
  explicit WordPieceTokenizer(const std::filesystem::path& folder,
                              std::optional<WordPieceFlavor> flavor = std::nullopt);
  ~WordPieceTokenizer();
  WordPieceTokenizer(WordPieceTokenizer&&) noexcept;
  WordPieceTokenizer& operator=(WordPieceTokenizer&&) noexcept;

  /// The ids of `text` (UTF-8) without begin and end. Errors: kUsage for text that is not UTF-8.
  std::vector<int64_t> encode(std::string_view text) const;

  /// What diffusers' pipelines get from `tokenizer(text, padding="max_length", truncation=True,
  /// max_length=max_length)`; the attention mask is 1 for the first `token_count`.
  /// Errors: those of encode; kModel where `max_length` is under 3 or the folder has no padding
  /// token.
  TokenizedPrompt tokenize(std::string_view text, int64_t max_length) const;

  /// The text of `ids`, special tokens included, as `tokenizer.decode(ids)`. Errors: kModel for an
  /// id that the vocabulary does not have.
  std::string decode(std::span<const int64_t> ids) const;

  int64_t cls_id() const;
  int64_t sep_id() const;
  int64_t unk_id() const;
  /// The padding token's id. Errors: kModel where the folder has none.
  int64_t pad_id() const;

  /// The largest of the ids that any prompt may have: those of the vocabulary, begin, end, padding
  /// and the unknown token. Added tokens that a prompt has to name are not among them.
  LargestToken largest_token() const;

  /// `model_max_length` of the folder (77 in HunyuanDiT's).
  std::optional<int64_t> model_max_length() const;

  WordPieceFlavor flavor() const;

 private:
  class Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace sd
