#pragma once

#include "models/unet/tokens.h"
#include "models/unet/transformer_block.h"
#include "models/unet/unet_config.h"

namespace sd {

/// A stack of transformer blocks over the pixels of a feature map ("SpatialTransformer" of Rombach
/// et al. 2022, appendix E.2.1; diffusers `Transformer2DModel` with continuous input).
class Transformer2D : public torch::nn::Module {
 public:
  Transformer2D(const Weights& w, const UNetConfig& config, const TransformerShape& shape);

  /// x [B, width, h, w] -> same shape
  at::Tensor forward(const at::Tensor& x, int64_t step) const;

 private:
  std::shared_ptr<GroupNorm> norm_;
  std::shared_ptr<TokenProjection> proj_in_;
  std::shared_ptr<ModuleList<TransformerBlock>> transformer_blocks_;
  std::shared_ptr<TokenProjection> proj_out_;
};

}  // namespace sd
