#pragma once

#include <ATen/core/Tensor.h>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sd/pipeline.h"

#include "core/placement.h"
#include "core/tensor_ops.h"
#include "models/denoiser.h"
#include "text/prompt_cache.h"

namespace sd {

/// Token ids [1, T] of prompts in the batches in which they go through a text encoder: in float32
/// on the CPU one by one, so that a prompt's bits do not depend on its company.
std::vector<std::vector<at::Tensor>> in_batches(const std::vector<at::Tensor>& ids,
                                                const Placement& placement);

/// What the text encoders of a family make of prompts: each prompt is encoded once and remembered.
/// A `Prompt` has a `key()`, a string that tells it from all others, and a `group()`; those of one
/// group can go through the encoders together.
template <typename Prompt>
class PromptBook {
 public:
  /// What a prompt becomes: as many tensors [1, …] for each, all of one shape within a group.
  using States = std::vector<at::Tensor>;
  /// Prompts of one group -> the states of each.
  using Encode = std::function<std::vector<States>(const std::vector<Prompt>& prompts)>;

  /// `kinds`: tensors that a prompt becomes.
  explicit PromptBook(size_t kinds) : kinds_(kinds) {}

  /// The states of the prompts by their keys; `encode` is asked for those that are not remembered.
  std::map<std::string, States> find(const std::vector<Prompt>& prompts, const Encode& encode) {
    std::map<std::string, States> found;
    std::map<decltype(std::declval<Prompt>().group()), std::vector<Prompt>> missing;
    for (const Prompt& prompt : prompts) {
      const auto [place, is_new] = found.try_emplace(prompt.key());
      if (!is_new) continue;
      place->second = recall(prompt.key());
      if (place->second.empty()) missing[prompt.group()].push_back(prompt);
    }
    for (const auto& [group, waiting] : missing) {
      std::vector<States> states = encode(waiting);
      for (size_t i = 0; i < waiting.size(); ++i) {
        const std::string key = waiting[i].key();
        for (size_t kind = 0; kind < kinds_; ++kind) {
          cache_.keep(key_of(key, kind), states[i][kind]);
        }
        found[key] = std::move(states[i]);
      }
    }
    return found;
  }

  /// The states of the prompts as rows of a batch: a tensor [prompts, …] of each kind.
  std::vector<at::Tensor> rows(const std::vector<Prompt>& prompts, const Encode& encode) {
    const std::map<std::string, States> found = find(prompts, encode);
    std::vector<at::Tensor> rows;
    for (size_t kind = 0; kind < kinds_; ++kind) {
      std::vector<at::Tensor> parts;
      for (const Prompt& prompt : prompts) parts.push_back(found.at(prompt.key())[kind]);
      rows.push_back(at::cat(parts));
    }
    return rows;
  }

 private:
  static std::string key_of(const std::string& key, size_t kind) {
    return std::to_string(kind) + ':' + key;
  }

  /// All tensors of a prompt, or none.
  States recall(const std::string& key) {
    States states;
    for (size_t kind = 0; kind < kinds_; ++kind) {
      states.push_back(cache_.find(key_of(key, kind)));
      if (!states.back().defined()) return {};
    }
    return states;
  }

  size_t kinds_;
  PromptCache cache_;
};

/// The prompts of requests that are to come; `prompts_of` gives those of a batch that is guided or
/// is not.
template <typename PromptsOf>
auto prompts_ahead(const std::vector<Request>& requests, double default_scale,
                   const PromptsOf& prompts_of) {
  decltype(prompts_of(requests, Guidance::kOn)) all;
  for (const Request& request : requests) {
    const bool is_guided = request.scale.value_or(default_scale) > 1;
    for (auto& prompt : prompts_of({request}, is_guided ? Guidance::kOn : Guidance::kOff)) {
      all.push_back(std::move(prompt));
    }
  }
  return all;
}

}  // namespace sd
