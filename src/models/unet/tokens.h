#pragma once

#include "io/weights.h"
#include "nn/module.h"

namespace sd {

/// [B, C, h, w] -> [B, h·w, C], a view where x is channels_last
inline at::Tensor to_tokens(const at::Tensor& x) { return x.permute({0, 2, 3, 1}).flatten(1, 2); }

/// [B, h·w, C] -> [B, C, h, w] channels_last, a view; `like` [B, any, h, w] gives height and width
inline at::Tensor to_image(const at::Tensor& tokens, const at::Tensor& like) {
  return tokens.unflatten(1, {like.size(2), like.size(3)}).permute({0, 3, 1, 2});
}

/// Is the stored weight that of a Linear, [out, in], or of a 1x1 Conv2d, [out, in, 1, 1]?
enum class ProjectionWeight { kLinear, kConv };

/// A projection of every token, or of every pixel. Parameters: weight, bias [out].
class TokenProjection : public torch::nn::Module {
 public:
  TokenProjection(const Weights& w, int64_t in, int64_t out, ProjectionWeight kind)
      : weight(register_parameter("weight",
                                  kind == ProjectionWeight::kLinear
                                      ? w.get("weight", {out, in})
                                      : w.get("weight", {out, in, 1, 1}),
                                  false)),
        bias(register_parameter("bias", w.get("bias", {out}), false)) {}

  /// tokens [B, L, in] -> [B, L, out]
  at::Tensor forward(const at::Tensor& tokens) const {
    return at::linear(tokens, weight.flatten(1), bias);
  }

  at::Tensor weight;
  at::Tensor bias;
};

}  // namespace sd
