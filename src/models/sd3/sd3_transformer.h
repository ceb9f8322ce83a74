#pragma once

#include <filesystem>
#include <memory>

#include "core/placement.h"
#include "io/weight_store.h"
#include "models/attentive_denoiser.h"
#include "models/sd3/sd3_config.h"

namespace sd {

/// The multimodal diffusion transformer of Stable Diffusion 3 and 3.5 (Esser et al. 2024,
/// arXiv:2403.03206, fig. 2; diffusers `SD3Transformer2DModel`). Its conditioning is `text`
/// [N, T, text_width] and `pooled` [N, pooled_width]. Its attention layers are those of the blocks
/// in their order, "transformer_blocks.N.attn", after each "….attn2" where the block has one.
class Sd3Transformer : public AttentiveDenoiser {
 public:
  virtual const Sd3Config& config() const = 0;
};

/// Builds the network that `config` describes from all tensors of `weights`, which are named as
/// diffusers names them. Errors: kModel for missing, misshapen or left-over tensors.
std::unique_ptr<Sd3Transformer> load_sd3_transformer(const Sd3Config& config, WeightStore& weights,
                                                     const Placement& placement);

}  // namespace sd
