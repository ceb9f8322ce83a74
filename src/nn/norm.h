#pragma once

#include <ATen/ops/rsqrt.h>

#include "io/weights.h"
#include "nn/module.h"

namespace sd {

/// torch.nn.GroupNorm with affine weight [C] and bias [C].
class GroupNorm : public torch::nn::Module {
 public:
  GroupNorm(const Weights& w, int64_t groups, int64_t channels, double eps)
      : weight(register_parameter("weight", w.get("weight", {channels}), false)),
        bias(register_parameter("bias", w.get("bias", {channels}), false)),
        groups_(groups),
        eps_(eps) {}

  /// x [B, C, ...] -> same shape
  at::Tensor forward(const at::Tensor& x) const {
    return at::group_norm(x, groups_, weight, bias, eps_);
  }

  at::Tensor weight;
  at::Tensor bias;

 private:
  int64_t groups_;
  double eps_;
};

/// torch.nn.LayerNorm over the last dimension with affine weight [D] and bias [D]. It is computed
/// in float32 in every type and rounded once, so it is diffusers' `FP32LayerNorm`, too.
class LayerNorm : public torch::nn::Module {
 public:
  LayerNorm(const Weights& w, int64_t width, double eps)
      : weight(register_parameter("weight", w.get("weight", {width}), false)),
        bias(register_parameter("bias", w.get("bias", {width}), false)),
        eps_(eps) {}

  /// x [..., D] -> same shape
  at::Tensor forward(const at::Tensor& x) const {
    return at::layer_norm(x, {weight.size(0)}, weight, bias, eps_);
  }

  at::Tensor weight;
  at::Tensor bias;

 private:
  double eps_;
};

/// Divides by the root of the mean square over the last dimension (Zhang & Sennrich 2019,
/// arXiv:1910.07467), which is taken in float32 in every type (transformers `T5LayerNorm`,
/// diffusers `RMSNorm`). Parameter: weight [D].
class RmsNorm : public torch::nn::Module {
 public:
  RmsNorm(const Weights& w, int64_t width, double eps)
      : weight(register_parameter("weight", w.get("weight", {width}), false)), eps_(eps) {}

  /// x [..., D] -> same shape, in the weight's type
  at::Tensor forward(const at::Tensor& x) const {
    const at::Tensor wide = x.to(at::kFloat);
    const at::Tensor mean_square = wide.square().mean(-1, /*keepdim=*/true);
    return (wide * at::rsqrt(mean_square + eps_)).to(weight.scalar_type()) * weight;
  }

  at::Tensor weight;

 private:
  double eps_;
};

}  // namespace sd
