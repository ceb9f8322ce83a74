#pragma once

#include "nn/conv.h"

namespace sd {

/// The convolution that makes one token of each patch of `side` x `side` cells.
inline ConvShape patch_convolution(int64_t in_channels, int64_t width, int64_t side) {
  return {.in_channels = in_channels,
          .out_channels = width,
          .kernel = side,
          .stride = side,
          .padding = 0};
}

/// Tokens [B, L, side · side · C] back to the h x w cells that they stand for -> [B, C, h, w]
inline at::Tensor unpatchify(const at::Tensor& tokens, int64_t h, int64_t w, int64_t side) {
  const int64_t channels = tokens.size(2) / (side * side);
  return tokens.view({tokens.size(0), h / side, w / side, side, side, channels})
      .permute({0, 5, 1, 3, 2, 4})
      .reshape({tokens.size(0), channels, h, w});
}

}  // namespace sd
