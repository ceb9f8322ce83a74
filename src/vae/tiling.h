#pragma once

#include <ATen/core/Tensor.h>
#include <functional>

namespace sd {

/// How overlapping square tiles cover a plane; all along one side.
struct TileGrid {
  int64_t tile = 0;    ///< cells of the input in a tile; fewer at the right and bottom edge
  int64_t stride = 0;  ///< cells of the input from one tile to the next
  int64_t blend = 0;   ///< cells of the output over which a tile fades in from its neighbour
  int64_t keep = 0;    ///< cells of the output that are kept of each tile
};

/// Runs a network tile by tile, row by row; each tile fades in from the one above, then from the
/// one to its left (diffusers `AutoencoderKL.tiled_decode`, with its order and its rounding).
/// x [B, C, H, W] -> [B, C', H', W']
at::Tensor run_tiled(const at::Tensor& x, const TileGrid& grid,
                     const std::function<at::Tensor(const at::Tensor&)>& network);

}  // namespace sd
