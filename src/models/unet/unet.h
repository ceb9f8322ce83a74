#pragma once

#include <filesystem>
#include <memory>

#include "core/placement.h"
#include "io/weight_store.h"
#include "models/attentive_denoiser.h"
#include "models/unet/unet_config.h"

namespace sd {

/// The conditional UNet of Stable Diffusion 1, 2 and XL (Rombach et al. 2022, arXiv:2112.10752,
/// section 3.3; Podell et al. 2023, arXiv:2307.01952; diffusers `UNet2DConditionModel`). Its
/// attention layers come in the order of diffusers' `attn_processors`: down, up, mid.
class UNet : public AttentiveDenoiser {
 public:
  virtual const UNetConfig& config() const = 0;
};

/// Builds the network that `config` (a config.json) describes from all tensors of `weights`, which
/// are named as diffusers names them. Errors: kModel for a config that is not supported and for
/// missing, misshapen or left-over tensors.
std::unique_ptr<UNet> load_unet(const std::filesystem::path& config, WeightStore& weights,
                                const Placement& placement);
std::unique_ptr<UNet> load_unet(const UNetConfig& config, WeightStore& weights,
                                const Placement& placement);

}  // namespace sd
