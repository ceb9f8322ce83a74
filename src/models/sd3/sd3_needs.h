#pragma once

#include <cstdint>
#include <vector>

#include "io/weight_store.h"
#include "models/sd3/sd3_config.h"
#include "nn/grid_work.h"

namespace sd {

/// The tokens that a call of the transformer works on.
struct Sd3Tokens {
  int64_t rows = 1;
  int64_t h = 0;  ///< patches
  int64_t w = 0;
  int64_t text = 0;  ///< tokens of text in a row
};

/// Bytes that a call surely needs beside the weights: the widest part of a block, its feed-forward.
double least_call_memory(const Sd3Config& config, const Sd3Tokens& tokens, int64_t element_size);

/// One call: the work on the tokens of the image, and that on those of the text. What is made once
/// for a run (modulations, embedded text) is left out.
std::vector<GridWork> call_work(const Sd3Config& config, const WeightStore& weights,
                                const Sd3Tokens& tokens);

}  // namespace sd
