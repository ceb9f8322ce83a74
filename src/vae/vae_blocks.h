#pragma once

#include "nn/activation.h"
#include "nn/conv.h"
#include "nn/linear.h"
#include "nn/make_child.h"
#include "nn/norm.h"

namespace sd {

/// One level of an encoder or decoder: `layers` residual blocks, of which the first changes the
/// width.
struct VaeLevelShape {
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  int64_t layers = 1;
  int64_t groups = 32;
  Activation activation = Activation::kSilu;
};

/// x + conv(act(norm(conv(act(norm(x)))))) (He et al. 2016, arXiv:1603.05027, fig. 1b), without
/// time.
class VaeResnetBlock : public torch::nn::Module {
 public:
  VaeResnetBlock(const Weights& w, const VaeLevelShape& shape);

  /// x [B, in, H, W] -> [B, out, H, W]
  at::Tensor forward(const at::Tensor& x) const;

 private:
  Activation activation_;
  std::shared_ptr<GroupNorm> norm1_;
  std::shared_ptr<Conv2d> conv1_;
  std::shared_ptr<GroupNorm> norm2_;
  std::shared_ptr<Conv2d> conv2_;
  std::shared_ptr<Conv2d> conv_shortcut_;  ///< null where the width stays
};

/// A Linear whose weight early exports stored as that of a 1x1 convolution, [out, in, 1, 1].
class PointwiseLinear : public torch::nn::Module {
 public:
  PointwiseLinear(const Weights& w, int64_t in_features, int64_t out_features);

  /// x [..., in] -> [..., out]
  at::Tensor forward(const at::Tensor& x) const { return at::linear(x, weight, bias); }

  at::Tensor weight;
  at::Tensor bias;
};

/// Self-attention over all cells with one head as wide as the layer, and a residual.
class VaeAttention : public torch::nn::Module {
 public:
  VaeAttention(const Weights& w, int64_t channels, int64_t groups);

  /// x [B, C, h, w] -> same shape
  at::Tensor forward(const at::Tensor& x) const;

 private:
  std::shared_ptr<GroupNorm> group_norm_;
  std::shared_ptr<PointwiseLinear> to_q_;
  std::shared_ptr<PointwiseLinear> to_k_;
  std::shared_ptr<PointwiseLinear> to_v_;
  std::shared_ptr<ModuleList<PointwiseLinear>> to_out_;
};

enum class MidAttention { kNo, kYes };

/// Residual block, attention, residual block, at the coarsest level.
class VaeMidBlock : public torch::nn::Module {
 public:
  VaeMidBlock(const Weights& w, const VaeLevelShape& shape, MidAttention attention);

  /// x [B, C, h, w] -> same shape
  at::Tensor forward(at::Tensor x) const;

 private:
  std::shared_ptr<ModuleList<VaeResnetBlock>> resnets_;
  std::shared_ptr<ModuleList<VaeAttention>> attentions_;  ///< null without attention
};

enum class Resample { kNo, kYes };

/// Half the size by a convolution of stride 2 whose padding is at the right and the bottom only.
class VaeDownsample : public torch::nn::Module {
 public:
  VaeDownsample(const Weights& w, int64_t channels);

  /// x [B, C, H, W] -> [B, C, floor(H/2), floor(W/2)]
  at::Tensor forward(const at::Tensor& x) const;

 private:
  std::shared_ptr<Conv2d> conv_;
};

/// Twice the size by nearest neighbours and a convolution.
class VaeUpsample : public torch::nn::Module {
 public:
  VaeUpsample(const Weights& w, int64_t channels);

  /// x [B, C, H, W] -> [B, C, 2H, 2W]
  at::Tensor forward(const at::Tensor& x) const;

 private:
  std::shared_ptr<Conv2d> conv_;
};

class DownEncoderBlock : public torch::nn::Module {
 public:
  DownEncoderBlock(const Weights& w, const VaeLevelShape& shape, Resample downsample);

  /// x [B, in, H, W] -> [B, out, H', W'], half the size where it downsamples
  at::Tensor forward(at::Tensor x) const;

 private:
  std::shared_ptr<ModuleList<VaeResnetBlock>> resnets_;
  std::shared_ptr<ModuleList<VaeDownsample>> downsamplers_;  ///< null at the coarsest level
};

class UpDecoderBlock : public torch::nn::Module {
 public:
  UpDecoderBlock(const Weights& w, const VaeLevelShape& shape, Resample upsample);

  /// x [B, in, H, W] -> [B, out, H', W'], twice the size where it upsamples
  at::Tensor forward(at::Tensor x) const;

 private:
  std::shared_ptr<ModuleList<VaeResnetBlock>> resnets_;
  std::shared_ptr<ModuleList<VaeUpsample>> upsamplers_;  ///< null at the finest level
};

}  // namespace sd
