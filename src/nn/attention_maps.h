#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "nn/attention_processor.h"

namespace sd {

/// Are the maps of a layer's heads kept apart, or averaged?
enum class MapHeads { kAverage, kEach };

/// An attention processor that keeps the attention maps of the layers and steps that it is asked to
/// watch. Everywhere else it is the default processor.
class AttentionMaps : public AttentionProcessor {
 public:
  using Wanted = std::function<bool(const AttentionInfo& layer, int64_t step)>;

  /// Keep an eye on memory: a self-attention map of 64 x 64 latents takes 64 MB a row and head.
  AttentionMaps(Wanted wanted, MapHeads heads) : wanted_(std::move(wanted)), heads_(heads) {}

  at::Tensor attend(const AttentionCall& call) override;

  /// softmax(q k^T / sqrt(d)) of that layer at that step, float32 on the CPU: [B, L, T], or
  /// [B, heads, L, T] where the heads are kept apart; undefined where none was kept.
  at::Tensor map(const std::string& layer, int64_t step) const;

  void clear() { maps_.clear(); }

 private:
  Wanted wanted_;
  MapHeads heads_;
  std::map<std::pair<std::string, int64_t>, at::Tensor> maps_;
};

}  // namespace sd
