#pragma once

#include <memory>

#include "models/family.h"

namespace sd {

/// Stable Diffusion 3 and 3.5 (Esser et al. 2024, arXiv:2403.03206): two CLIP text encoders and T5,
/// MMDiT, AutoencoderKL, rectified flow.
std::unique_ptr<Family> load_sd3(const ModelFolder& folder, const LoadOptions& options,
                                 const Placement& placement, Observer& observer);

}  // namespace sd
