#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>

namespace sd {

/// Where in the grid of the training size, `base` x `base` patches, a picture of another shape
/// lies: as large as fits, in the middle.
struct CropRegion {
  int64_t top = 0;
  int64_t left = 0;
  int64_t bottom = 0;
  int64_t right = 0;
};

/// Of h x w patches; both roundings take halves to the even number (diffusers
/// `get_resize_crop_region_for_grid`).
CropRegion crop_region(int64_t h, int64_t w, int64_t base);

/// How n patches are spread from `start` to `stop` of the region. The two differ wherever a region
/// does not begin at 0, by up to start / n.
enum class RopeGrid {
  kDiffusers,  ///< from start to stop · (n - 1) / n, both included (diffusers from 0.32 on)
  kOriginal,   ///< every (stop - start) / n from start on (Tencent/HunyuanDiT; diffusers before)
};

struct RotaryShape {
  int64_t h = 0;           ///< patches
  int64_t w = 0;           ///< patches
  int64_t head_width = 0;  ///< a multiple of 4
  int64_t patch_size = 2;  ///< latent cells a side: the training size is 512 / 8 cells
};

/// Two-dimensional rotary positions (Su et al. 2021, arXiv:2104.09864, for each axis on its own):
/// of each token the cosines and the sines of the angles by which the pairs of a head turn, the
/// first half of the head by the column, the second by the row, each angle twice. Float32 on the
/// CPU (diffusers `get_2d_rotary_pos_embed`) -> [2, h·w, head_width]
at::Tensor rotary_positions(const RotaryShape& shape, RopeGrid grid);

}  // namespace sd
