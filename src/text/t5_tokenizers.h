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

/// One of the two T5 tokenizer classes of transformers, without framing and padding.
class T5TokenizerClass {
 public:
  virtual ~T5TokenizerClass() = default;

  /// The ids of UTF-8 text without the end.
  virtual std::vector<int64_t> encode(std::string_view text) const = 0;
  virtual std::string decode(std::span<const int64_t> ids) const = 0;
  virtual int64_t eos_id() const = 0;
  virtual std::optional<int64_t> pad_id() const = 0;
  virtual LargestToken largest_token() const = 0;
  virtual std::optional<int64_t> model_max_length() const = 0;
  /// Whether a text that ends with the end token gets no other.
  virtual bool keeps_end() const = 0;
};

/// T5Tokenizer: spiece.model, run by the sentencepiece library.
std::unique_ptr<const T5TokenizerClass> make_slow_t5_tokenizer(const std::filesystem::path& folder);

/// T5TokenizerFast: tokenizer.json or, where it is missing or tokenizer_config.json has an
/// `add_prefix_space`, spiece.model converted.
std::unique_ptr<const T5TokenizerClass> make_fast_t5_tokenizer(const std::filesystem::path& folder);

}  // namespace sd
