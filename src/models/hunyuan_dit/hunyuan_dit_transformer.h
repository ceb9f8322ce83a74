#pragma once

#include <memory>

#include "core/placement.h"
#include "io/weight_store.h"
#include "models/attentive_denoiser.h"
#include "models/hunyuan_dit/hunyuan_dit_config.h"

namespace sd {

/// The bilingual diffusion transformer HunyuanDiT (Li et al. 2024, arXiv:2405.08748; diffusers
/// `HunyuanDiT2DModel`). Its conditioning: `text` [N, text_length, text_width] with `text_mask`,
/// `t5` [N, t5_length, t5_width] with `t5_mask`, `rope` of `rotary_positions` for the latents'
/// patches and, with sizes and style, `time_ids` [N, 6]. Latents whose sides are no multiples of
/// the patch are a kUsage error. Its attention layers are those of the blocks in their order,
/// "blocks.N.attn1" over the image, "blocks.N.attn2" over the text.
///
/// The time and the sizes are embedded in float32 in every type. diffusers rounds them to the
/// network's type first, so that in bfloat16 981 becomes 980: `rounded_times` asks for that.
class HunyuanDitTransformer : public AttentiveDenoiser {
 public:
  virtual const HunyuanDitConfig& config() const = 0;
};

/// Builds the network that `config` describes from all tensors of `weights`, which are named as
/// diffusers names them. Errors: kModel for missing, misshapen or left-over tensors.
std::unique_ptr<HunyuanDitTransformer> load_hunyuan_dit_transformer(const HunyuanDitConfig& config,
                                                                    WeightStore& weights,
                                                                    const Placement& placement);

}  // namespace sd
