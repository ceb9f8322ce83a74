#pragma once

#include "io/weights.h"
#include "nn/module.h"

namespace sd {

enum class Bias { kNo, kYes };

/// y = x W^T + b over the last dimension (torch.nn.Linear). Parameters: weight [out, in], bias
/// [out].
class Linear : public torch::nn::Module {
 public:
  Linear(const Weights& w, int64_t in_features, int64_t out_features, Bias bias = Bias::kYes)
      : weight(register_parameter("weight", w.get("weight", {out_features, in_features}), false)) {
    if (bias == Bias::kYes) {
      this->bias = register_parameter("bias", w.get("bias", {out_features}), false);
    }
  }

  /// x [..., in] -> [..., out]
  at::Tensor forward(const at::Tensor& x) const { return at::linear(x, weight, bias); }

  at::Tensor weight;
  at::Tensor bias;
};

}  // namespace sd
