#include "nn/attention_maps.h"

#include <cmath>

#include "core/tensor_ops.h"

namespace sd {

at::Tensor AttentionMaps::attend(const AttentionCall& call) {
  if (!wanted_(call.layer, call.step)) return default_attention_processor()->attend(call);
  const double scale = 1.0 / std::sqrt(static_cast<double>(call.q.size(-1)));
  const at::Tensor scores = at::matmul(call.q, call.k.transpose(-1, -2)) * scale;
  const at::Tensor probabilities = at::softmax(scores, -1);
  const at::Tensor kept = probabilities.to(at::kCPU, at::kFloat);
  maps_[{call.layer.name, call.step}] = heads_ == MapHeads::kAverage ? kept.mean(1) : kept;
  return at::matmul(probabilities, call.v);
}

at::Tensor AttentionMaps::map(const std::string& layer, int64_t step) const {
  auto found = maps_.find({layer, step});
  return found == maps_.end() ? at::Tensor() : found->second;
}

}  // namespace sd
