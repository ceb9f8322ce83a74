#pragma once

#include "models/family.h"

namespace sd {

/// HunyuanDiT 1.0, 1.1 and 1.2 (Li et al. 2024, arXiv:2405.08748; diffusers `HunyuanDiTPipeline`).
std::unique_ptr<Family> load_hunyuan_dit(const ModelFolder& folder, const LoadOptions& options,
                                         const Placement& placement, Observer& observer);

}  // namespace sd
