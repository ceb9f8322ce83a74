#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/placement.h"
#include "io/weight_store.h"
#include "models/denoiser.h"
#include "models/unet/unet_config.h"
#include "nn/attention_processor.h"

namespace sd {

/// The conditional UNet of Stable Diffusion 1, 2 and XL (Rombach et al. 2022, arXiv:2112.10752,
/// section 3.3; Podell et al. 2023, arXiv:2307.01952; diffusers `UNet2DConditionModel`).
class UNet : public Denoiser {
 public:
  virtual const UNetConfig& config() const = 0;

  /// Every attention layer, in the order of diffusers' `attn_processors`: down, up, mid.
  virtual std::vector<AttentionInfo> attention_layers() const = 0;
  /// Errors: std::out_of_range for an unknown name, as for the next.
  virtual std::shared_ptr<AttentionProcessor> attention_processor(
      const std::string& layer) const = 0;
  virtual void set_attention_processor(const std::string& layer,
                                       std::shared_ptr<AttentionProcessor> processor) = 0;
  /// The same processor for every layer.
  virtual void set_attention_processor(std::shared_ptr<AttentionProcessor> processor) = 0;
};

/// Builds the network that `config` (a config.json) describes from all tensors of `weights`, which
/// are named as diffusers names them. Errors: kModel for a config that is not supported and for
/// missing, misshapen or left-over tensors.
std::unique_ptr<UNet> load_unet(const std::filesystem::path& config, WeightStore& weights,
                                const Placement& placement);
std::unique_ptr<UNet> load_unet(const UNetConfig& config, WeightStore& weights,
                                const Placement& placement);

}  // namespace sd
