#pragma once

#include <vector>

#include "io/weight_store.h"
#include "models/unet/unet_config.h"
#include "nn/grid_work.h"

namespace sd {

/// What one call of the network computes for `rows` rows of h x w latent cells, for each of its
/// levels. What does not depend on the cells (time, text) is left out: it is done once, or small.
std::vector<GridWork> call_work(const UNetConfig& config, const WeightStore& weights, int64_t rows,
                                int64_t h, int64_t w);

}  // namespace sd
