#include "io/picture_grid.h"

#include <gtest/gtest.h>
#include <vector>

namespace sd {
namespace {

/// Every pixel has the value `grey`.
Picture plain(int width, int height, uint8_t grey) {
  return {width, height, std::vector<uint8_t>(static_cast<size_t>(width * height * 3), grey)};
}

uint8_t red_at(const Picture& picture, int x, int y) {
  const size_t pixel = static_cast<size_t>(y) * static_cast<size_t>(picture.width);
  return picture.rgb[(pixel + static_cast<size_t>(x)) * 3];
}

// Sizes that torchvision.utils.make_grid(nrow=columns, padding=2) gives.
TEST(PictureGrid, HasTheSizeOfTorchvisionsGrid) {
  EXPECT_EQ(grid_size(6, 3, 512, 512), std::make_pair(int64_t{1544}, int64_t{1030}));
  EXPECT_EQ(grid_size(7, 3, 10, 20), std::make_pair(int64_t{38}, int64_t{68}));
  EXPECT_EQ(grid_size(2, 5, 64, 64), std::make_pair(int64_t{134}, int64_t{68}));
  EXPECT_EQ(grid_size(1, 1, 8, 8), std::make_pair(int64_t{12}, int64_t{12}));
}

TEST(PictureGrid, SetsThePicturesRowAfterRowWithABlackBorder) {
  const std::vector<Picture> pictures = {plain(3, 4, 10), plain(3, 4, 20), plain(3, 4, 30)};
  const Picture grid = make_grid(pictures, 2);
  ASSERT_EQ(grid.width, 12);
  ASSERT_EQ(grid.height, 14);
  for (int y = 0; y < grid.height; ++y) {
    for (int x = 0; x < grid.width; ++x) {
      const int column = x < 2 || x >= 10 ? -1 : x < 5 ? 0 : x < 7 ? -1 : 1;
      const int row = y < 2 || y >= 12 ? -1 : y < 6 ? 0 : y < 8 ? -1 : 1;
      const int cell = column < 0 || row < 0 ? 3 : row * 2 + column;
      const uint8_t expected = cell == 3 ? 0 : static_cast<uint8_t>(10 * (cell + 1));
      EXPECT_EQ(red_at(grid, x, y), expected) << x << ", " << y;
    }
  }
}

}  // namespace
}  // namespace sd
