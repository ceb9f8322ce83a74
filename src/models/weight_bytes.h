#pragma once

#include "core/placement.h"
#include "io/weight_store.h"

namespace sd {

/// What all tensors of a component take once they are in the type of the placement.
double weight_bytes(const WeightStore& weights, const Placement& placement);

}  // namespace sd
