#pragma once

#include <ATen/core/Tensor.h>
#include <cstddef>
#include <list>
#include <string>
#include <unordered_map>
#include <utility>

namespace sd {

/// What text encoders made of prompts, so that equal prompts are encoded once. Beyond its budget
/// the least recently used is forgotten.
class PromptCache {
 public:
  static constexpr size_t kDefaultBudget = size_t{256} << 20;  ///< bytes

  explicit PromptCache(size_t budget = kDefaultBudget) : budget_(budget) {}

  /// The tensor kept under the key; undefined where there is none.
  at::Tensor find(const std::string& key);

  /// Keeps it, alone where it is larger than the whole budget.
  void keep(const std::string& key, at::Tensor states);

  size_t bytes() const { return bytes_; }

 private:
  using Entry = std::pair<std::string, at::Tensor>;

  void forget_oldest();

  size_t budget_;
  size_t bytes_ = 0;
  std::list<Entry> entries_;  // last used first
  std::unordered_map<std::string, std::list<Entry>::iterator> positions_;
};

}  // namespace sd
