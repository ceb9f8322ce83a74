#pragma once

#include "io/weights.h"
#include "nn/module.h"

namespace sd {

/// torch.nn.Embedding: rows of a table by number. Parameter: weight [count, width].
class Embedding : public torch::nn::Module {
 public:
  Embedding(const Weights& w, int64_t count, int64_t width)
      : weight(register_parameter("weight", w.get("weight", {count, width}), false)) {}

  /// ids [...], int64 on the weight's device, each below count -> [..., width]
  at::Tensor forward(const at::Tensor& ids) const { return at::embedding(weight, ids); }

  at::Tensor weight;
};

}  // namespace sd
