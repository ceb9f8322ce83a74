#include "io/picture_grid.h"

#include <algorithm>
#include <cstddef>

#include "io/paste_picture.h"

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
  for (int64_t i = 0; i < std::ssize(pictures); ++i) {
    const int64_t left = kBorder + i % columns * (first.width + kBorder);
    const int64_t top = kBorder + i / columns * (first.height + kBorder);
    paste_picture(grid, pictures[static_cast<size_t>(i)], left, top);
  }
  return grid;
}

}  // namespace sd
