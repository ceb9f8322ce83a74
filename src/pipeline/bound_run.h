#pragma once

#include "sd/pipeline.h"

#include "core/placement.h"
#include "models/family.h"

namespace sd {

/// What the variational bound is evaluated with.
struct BoundParts {
  Family& family;
  Placement placement;
  bool low_memory = false;  ///< a component is freed after its use
};

/// Pipeline::evaluate_bound: the latents that img2img would start from, noised to each of the
/// times; the network sees them with the prompt alone, without guidance.
Bound run_bound(const BoundRequest& request, const BoundParts& parts, Observer& observer);

}  // namespace sd
