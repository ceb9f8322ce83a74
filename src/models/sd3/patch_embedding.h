#pragma once

#include "models/sd3/sd3_config.h"
#include "nn/make_child.h"
#include "nn/patches.h"

namespace sd {

/// Latents as tokens with their places: a convolution over each patch, plus the middle of a table
/// of sine and cosine positions (diffusers `PatchEmbed` with `pos_embed_max_size`). Parameters:
/// proj, pos_embed [1, max², D]; a file without the table has the table that diffusers would make.
class PatchEmbedding : public torch::nn::Module {
 public:
  PatchEmbedding(const Weights& w, const Sd3Config& config);

  /// latents [B, C, h, w], sides multiples of the patch -> [B, h/p · w/p, D].
  /// Errors: kUsage for sides beyond the table.
  at::Tensor forward(const at::Tensor& latents) const;

  /// The places of h x w patches, cut from the middle of the table [1, h, w, D], a view.
  at::Tensor positions(int64_t h, int64_t w) const;

 private:
  int64_t max_patches_;
  std::shared_ptr<Conv2d> proj_;
  at::Tensor pos_embed_;
};

}  // namespace sd
