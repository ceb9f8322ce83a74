#include "text/sentencepiece_tokenizer.h"

#include <algorithm>

#include "core/check.h"
#include "core/model_file.h"
#include "text/t5_tokenizers.h"

namespace sd {
namespace {

SentencePieceFlavor flavor_of(const std::filesystem::path& folder,
                              std::optional<SentencePieceFlavor> asked) {
  check_model_folder(folder);
  const bool only_json = is_there(folder / "tokenizer.json") && !is_there(folder / "spiece.model");
  return only_json ? SentencePieceFlavor::kFast : asked.value_or(SentencePieceFlavor::kSlow);
}

}  // namespace

SentencePieceTokenizer::SentencePieceTokenizer(const std::filesystem::path& folder,
                                               std::optional<SentencePieceFlavor> flavor)
    : folder_(folder),
      flavor_(flavor_of(folder, flavor)),
      tokenizer_(flavor_ == SentencePieceFlavor::kSlow ? make_slow_t5_tokenizer(folder)
                                                       : make_fast_t5_tokenizer(folder)) {}

SentencePieceTokenizer::~SentencePieceTokenizer() = default;
SentencePieceTokenizer::SentencePieceTokenizer(SentencePieceTokenizer&&) noexcept = default;
SentencePieceTokenizer& SentencePieceTokenizer::operator=(SentencePieceTokenizer&&) noexcept =
    default;

std::vector<int64_t> SentencePieceTokenizer::encode(std::string_view text) const {
  return tokenizer_->encode(text);
}

TokenizedPrompt SentencePieceTokenizer::tokenize(std::string_view text, int64_t max_length) const {
  SD_CHECK(max_length > 1, ErrorKind::kModel, folder_.string(),
           ": the prompt's length must be at least 2 tokens, but it is ", max_length);
  std::vector<int64_t> ids = tokenizer_->encode(text);
  const auto ends = [&] {
    return tokenizer_->keeps_end() && !ids.empty() && ids.back() == eos_id();
  };
  const auto room = static_cast<size_t>(max_length - 1);
  TokenizedPrompt prompt;
  if (ids.size() > room) {
    const size_t own_end = ends() ? 1 : 0;
    prompt.truncated_text = decode(std::span(ids).subspan(room, ids.size() - own_end - room));
    ids.resize(room);
  }
  if (!ends()) ids.push_back(eos_id());
  prompt.token_count = static_cast<int64_t>(ids.size());
  ids.resize(static_cast<size_t>(max_length), pad_id());
  prompt.ids = std::move(ids);
  return prompt;
}

std::string SentencePieceTokenizer::decode(std::span<const int64_t> ids) const {
  return tokenizer_->decode(ids);
}

int64_t SentencePieceTokenizer::eos_id() const { return tokenizer_->eos_id(); }

int64_t SentencePieceTokenizer::pad_id() const {
  const auto id = tokenizer_->pad_id();
  SD_CHECK(id, ErrorKind::kModel, folder_.string(),
           ": the tokenizer must have a pad_token, but it is null");
  return *id;
}

LargestToken SentencePieceTokenizer::largest_token() const { return tokenizer_->largest_token(); }

std::optional<int64_t> SentencePieceTokenizer::model_max_length() const {
  return tokenizer_->model_max_length();
}

}  // namespace sd
