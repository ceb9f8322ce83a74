#include "models/hunyuan_dit/rotary_positions.h"

#include <gtest/gtest.h>

#include "core/check.h"
#include "tests/support/golden.h"

namespace sd {
namespace {

constexpr double kTolerance = 2e-6;
constexpr int64_t kBase = 32;

struct Grid {
  RopeGrid grid;
  std::string name;
};

const Grid kGrids[] = {{RopeGrid::kDiffusers, "installed"}, {RopeGrid::kOriginal, "original"}};

testing::Golden golden() { return testing::Golden("hunyuan_dit/rope.safetensors"); }

struct Size {
  int64_t w;
  int64_t h;

  std::string name() const { return concat_text(w, "x", h); }
  friend void PrintTo(const Size& size, std::ostream* out) { *out << size.name(); }
};

/// The sizes that the released networks were trained on.
class RotaryPositions : public ::testing::TestWithParam<Size> {
 protected:
  int64_t rows_ = GetParam().h / 16;
  int64_t columns_ = GetParam().w / 16;
};

TEST_P(RotaryPositions, TheRegionEqualsThatOfDiffusers) {
  const at::Tensor expected = golden()[GetParam().name() + ".region"];
  const CropRegion found = crop_region(rows_, columns_, kBase);
  EXPECT_EQ(found.top, expected[0].item<int64_t>());
  EXPECT_EQ(found.left, expected[1].item<int64_t>());
  EXPECT_EQ(found.bottom, expected[2].item<int64_t>());
  EXPECT_EQ(found.right, expected[3].item<int64_t>());
}

TEST_P(RotaryPositions, BothGridsEqualThoseOfDiffusers) {
  testing::Golden tables = golden();
  const at::Tensor tokens = tables[GetParam().name() + ".tokens"];
  for (const auto& [grid, name] : kGrids) {
    const at::Tensor found =
        rotary_positions({.h = rows_, .w = columns_, .head_width = 88, .patch_size = 2}, grid);
    const std::string key = GetParam().name() + "." + name;
    ASSERT_EQ(found.sizes(), at::IntArrayRef({2, rows_ * columns_, 88}));
    EXPECT_TRUE(testing::all_near(found.index_select(1, tokens), tables[key], kTolerance)) << key;
    // each number with a weight of its own, so that no two can be swapped
    const at::Tensor order =
        at::arange(found[0].numel(), at::kLong).remainder(97).view(found[0].sizes());
    const at::Tensor sums = (found.to(at::kDouble) * order).flatten(1).sum(1);
    EXPECT_TRUE(at::allclose(sums, tables[key + ".sums"], 0, 1.0)) << key << sums;
  }
}

TEST_P(RotaryPositions, TheGridsDifferWhereTheRegionDoesNotBeginAtZero) {
  const RotaryShape shape{.h = rows_, .w = columns_, .head_width = 88, .patch_size = 2};
  const bool is_equal = at::allclose(rotary_positions(shape, RopeGrid::kDiffusers),
                                     rotary_positions(shape, RopeGrid::kOriginal), 0, 1e-4);
  EXPECT_EQ(is_equal, rows_ == columns_);
}

INSTANTIATE_TEST_SUITE_P(Presets, RotaryPositions,
                         ::testing::Values(Size{1024, 1024}, Size{1280, 1280}, Size{1024, 768},
                                           Size{1152, 864}, Size{1280, 960}, Size{768, 1024},
                                           Size{864, 1152}, Size{960, 1280}, Size{1280, 768},
                                           Size{768, 1280}),
                         [](const auto& info) { return "size_" + info.param.name(); });

TEST(RotaryPositions, HalvesAreRoundedToTheEvenNumber) {
  const CropRegion wide = crop_region(48, 80, kBase);  // 19 rows, which begin at 6.5
  EXPECT_EQ(wide.top, 6);
  EXPECT_EQ(wide.bottom, 25);
  const CropRegion high = crop_region(80, 48, kBase);
  EXPECT_EQ(high.left, 6);
  EXPECT_EQ(high.right, 25);
}

TEST(RotaryPositions, RegionsOfManyShapesEqualThoseOfDiffusers) {
  const at::Tensor regions = golden()["regions"];
  for (int64_t i = 0; i < regions.size(0); ++i) {
    const auto* row = regions[i].const_data_ptr<int32_t>();
    const CropRegion found = crop_region(row[0], row[1], kBase);
    EXPECT_EQ(found.top, row[2]) << row[0] << "x" << row[1];
    EXPECT_EQ(found.left, row[3]) << row[0] << "x" << row[1];
    EXPECT_EQ(found.bottom, row[4]) << row[0] << "x" << row[1];
    EXPECT_EQ(found.right, row[5]) << row[0] << "x" << row[1];
  }
}

TEST(RotaryPositions, WholeTablesEqualThoseOfDiffusers) {
  testing::Golden tables = golden();
  for (const Size size : {Size{.w = 5, .h = 3}, Size{.w = 3, .h = 5}}) {
    for (const auto& [grid, name] : kGrids) {
      const at::Tensor found =
          rotary_positions({.h = size.h, .w = size.w, .head_width = 8, .patch_size = 2}, grid);
      const std::string key = concat_text("whole.", size.h, "x", size.w, ".", name);
      EXPECT_TRUE(testing::all_near(found, tables[key], kTolerance)) << key;
    }
  }
}

/// The base of the grid is that of the patches; the recorded runs of the tiny networks had it from
/// diffusers' pipeline.
TEST(RotaryPositions, PatchesOfOneCellHaveAGridTwiceAsFine) {
  testing::Golden runs("hunyuan_dit/plain.io.safetensors");
  const at::Tensor found =
      rotary_positions({.h = 3, .w = 5, .head_width = 4, .patch_size = 1}, RopeGrid::kDiffusers);
  EXPECT_TRUE(testing::all_near(found, runs["wide.image_rotary_emb"], kTolerance));
}

}  // namespace
}  // namespace sd
