#include "io/picture_grid.h"

#include <algorithm>
#include <cstddef>

namespace sd {
namespace {

constexpr int64_t kBorder = 2;
constexpr int64_t kBytesPerPixel = 3;

}  // namespace

std::pair<int64_t, int64_t> grid_size(int64_t count, int64_t columns, int64_t width,
                                      int64_t height) {
  const int64_t across = std::min(columns, count);
  const int64_t rows = (count + across - 1) / across;
  return {kBorder + across * (width + kBorder), kBorder + rows * (height + kBorder)};
}

Picture make_grid(std::span<const Picture> pictures, int columns) {
  const Picture& first = pictures.front();
  const auto [width, height] = grid_size(std::ssize(pictures), columns, first.width, first.height);
  Picture grid{static_cast<int>(width), static_cast<int>(height), {}};
  grid.rgb.resize(static_cast<size_t>(width * height * kBytesPerPixel));
  const int64_t row_bytes = first.width * kBytesPerPixel;
  for (int64_t i = 0; i < std::ssize(pictures); ++i) {
    const int64_t left = kBorder + i % columns * (first.width + kBorder);
    const int64_t top = kBorder + i / columns * (first.height + kBorder);
    const uint8_t* row = pictures[static_cast<size_t>(i)].rgb.data();
    for (int64_t y = 0; y < first.height; ++y, row += row_bytes) {
      std::copy_n(row, row_bytes, grid.rgb.begin() + ((top + y) * width + left) * kBytesPerPixel);
    }
  }
  return grid;
}

}  // namespace sd
