#pragma once

#include <ATen/ops/addcmul.h>

#include "nn/linear.h"
#include "nn/make_child.h"

namespace sd {

/// The layer that makes the modulations of a norm without weights of its own out of the time and
/// whatever is added to it (Peebles & Xie 2023, arXiv:2212.09748, AdaLN; diffusers
/// `AdaLayerNormZero`, `SD35AdaLayerNormZeroX` and `AdaLayerNormContinuous`). Child: linear.
class Modulation : public torch::nn::Module {
 public:
  Modulation(const Weights& w, int64_t width, int64_t parts)
      : linear_(make_child<Linear>(this, w, "linear", width, parts * width)) {}

  /// activated conditioning [M, D] -> [M, parts · D]
  at::Tensor forward(const at::Tensor& activated) const { return linear_->forward(activated); }

 private:
  std::shared_ptr<Linear> linear_;
};

/// LayerNorm without weights and with eps 1e-6, then scaled and shifted: scale_plus_1, shift
/// [B, 1, D]; x [B, L, D] -> same shape
inline at::Tensor modulate(const at::Tensor& x, const at::Tensor& scale_plus_1,
                           const at::Tensor& shift) {
  constexpr double kEps = 1e-6;
  return at::addcmul(shift, at::layer_norm(x, {x.size(-1)}, {}, {}, kEps), scale_plus_1);
}

}  // namespace sd
