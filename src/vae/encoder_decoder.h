#pragma once

#include <vector>

#include "vae/vae_blocks.h"

namespace sd {

/// An encoder or a decoder between images and latents.
struct VaeStackShape {
  int64_t in_channels = 3;
  int64_t out_channels = 4;
  std::vector<int64_t> level_channels;  ///< finest level first
  int64_t layers = 1;                   ///< residual blocks in each level
  int64_t groups = 32;
  Activation activation = Activation::kSilu;
  MidAttention mid_attention = MidAttention::kYes;
};

/// Image to latents (diffusers `vae.Encoder`).
class VaeEncoder : public torch::nn::Module {
 public:
  VaeEncoder(const Weights& w, const VaeStackShape& shape);

  /// x [B, in, H, W] -> [B, out, H/f, W/f]
  at::Tensor forward(at::Tensor x) const;

 private:
  std::shared_ptr<Conv2d> conv_in_;
  std::shared_ptr<ModuleList<DownEncoderBlock>> down_blocks_;
  std::shared_ptr<VaeMidBlock> mid_block_;
  std::shared_ptr<GroupNorm> conv_norm_out_;
  std::shared_ptr<Conv2d> conv_out_;
};

/// Latents to image (diffusers `vae.Decoder`).
class VaeDecoder : public torch::nn::Module {
 public:
  VaeDecoder(const Weights& w, const VaeStackShape& shape);

  /// z [B, in, h, w] -> [B, out, h·f, w·f]
  at::Tensor forward(at::Tensor z) const;

 private:
  std::shared_ptr<Conv2d> conv_in_;
  std::shared_ptr<VaeMidBlock> mid_block_;
  std::shared_ptr<ModuleList<UpDecoderBlock>> up_blocks_;
  std::shared_ptr<GroupNorm> conv_norm_out_;
  std::shared_ptr<Conv2d> conv_out_;
};

}  // namespace sd
