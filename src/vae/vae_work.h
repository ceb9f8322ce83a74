#pragma once

#include <vector>

#include "io/weight_store.h"
#include "nn/grid_work.h"
#include "vae/autoencoder_kl.h"

namespace sd {

/// What decoding the latents of `rows` images of h x w cells computes, for each level.
std::vector<GridWork> decode_work(const AutoencoderKlConfig& config, const WeightStore& weights,
                                  int64_t rows, int64_t h, int64_t w);

}  // namespace sd
