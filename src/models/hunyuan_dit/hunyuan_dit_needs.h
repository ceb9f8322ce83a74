#pragma once

#include <cstdint>
#include <vector>

#include "io/weight_store.h"
#include "models/hunyuan_dit/hunyuan_dit_config.h"
#include "nn/grid_work.h"

namespace sd {

/// The image tokens that a call of the transformer works on; the text is always as long.
struct HunyuanDitTokens {
  int64_t rows = 1;
  int64_t h = 0;  ///< patches
  int64_t w = 0;
};

/// Bytes that a call surely needs beside the weights: the keys and values of the text, the tokens
/// that wait for the second half of the blocks, and the widest part of a block, its feed-forward.
double least_call_memory(const HunyuanDitConfig& config, const HunyuanDitTokens& tokens,
                         int64_t element_size);

/// One call: the work on the tokens of the image. What is made once for a run (shifts, the text's
/// keys and values) is left out.
std::vector<GridWork> call_work(const HunyuanDitConfig& config, const WeightStore& weights,
                                const HunyuanDitTokens& tokens);

}  // namespace sd
