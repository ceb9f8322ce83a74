#include "text/prompt_cache.h"

#include "core/tensor_ops.h"

namespace sd {

at::Tensor PromptCache::find(const std::string& key) {
  const auto position = positions_.find(key);
  if (position == positions_.end()) return {};
  entries_.splice(entries_.begin(), entries_, position->second);
  return position->second->second;
}

void PromptCache::keep(const std::string& key, at::Tensor states) {
  if (find(key).defined()) return;
  bytes_ += states.nbytes();
  entries_.emplace_front(key, std::move(states));
  positions_[key] = entries_.begin();
  while (bytes_ > budget_ && entries_.size() > 1) forget_oldest();
}

void PromptCache::forget_oldest() {
  bytes_ -= entries_.back().second.nbytes();
  positions_.erase(entries_.back().first);
  entries_.pop_back();
}

}  // namespace sd
