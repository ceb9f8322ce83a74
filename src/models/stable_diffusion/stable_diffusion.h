#pragma once

#include <memory>

#include "models/family.h"

namespace sd {

/// Stable Diffusion 1.x and 2.x (Rombach et al. 2022, arXiv:2112.10752): one CLIP text encoder,
/// UNet2DCondition, AutoencoderKL.
std::unique_ptr<Family> load_stable_diffusion(const ModelFolder& folder, const LoadOptions& options,
                                              const Placement& placement, Observer& observer);

}  // namespace sd
