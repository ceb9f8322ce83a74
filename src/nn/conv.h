#pragma once

#include "io/weights.h"
#include "nn/linear.h"
#include "nn/module.h"

namespace sd {

struct ConvShape {
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  int64_t kernel = 3;
  int64_t stride = 1;
  int64_t padding = 1;
};

/// torch.nn.Conv2d with weights kept channels_last, the layout in which images go through every
/// network here. Parameters: weight [out, in, k, k], bias [out].
class Conv2d : public torch::nn::Module {
 public:
  Conv2d(const Weights& w, const ConvShape& shape, Bias bias = Bias::kYes) : shape_(shape) {
    const auto [in, out, k, stride, padding] = shape;
    weight = register_parameter(
        "weight", w.get("weight", {out, in, k, k}, at::MemoryFormat::ChannelsLast), false);
    if (bias == Bias::kYes) this->bias = register_parameter("bias", w.get("bias", {out}), false);
  }

  /// x [B, in, H, W] -> [B, out, H', W']
  at::Tensor forward(const at::Tensor& x) const {
    return at::conv2d(x, weight, bias, shape_.stride, shape_.padding);
  }

  at::Tensor weight;
  at::Tensor bias;

 private:
  ConvShape shape_;
};

}  // namespace sd
