#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "io/picture.h"

namespace sd {

/// Width and height of the grid of `count` pictures of one size, `columns` in a row: a black border
/// of two pixels around each, as torchvision.utils.make_grid draws it with its defaults.
std::pair<int64_t, int64_t> grid_size(int64_t count, int64_t columns, int64_t width,
                                      int64_t height);

/// The pictures in one, row after row; all have one size, and there is at least one. Cells that are
/// left over in the last row are black.
Picture make_grid(std::span<const Picture> pictures, int columns);

}  // namespace sd
