#include "models/hunyuan_dit/resolution_binning.h"

#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/golden.h"

namespace sd {
namespace {

TEST(ResolutionBinning, GivesTheSizesOfDiffusers) {
  std::ifstream file(testing::data_path("resolution_binning.json"));
  const nlohmann::json rows = nlohmann::json::parse(file);
  ASSERT_GT(rows.size(), 300);
  for (const auto& row : rows) {
    const PixelSize asked{row[0], row[1]};
    const PixelSize found = nearest_standard_size(asked);
    const PixelSize expected{row[2], row[3]};
    EXPECT_EQ(found, expected) << asked.width << "x" << asked.height << " became " << found.width
                               << "x" << found.height;
  }
}

TEST(ResolutionBinning, KnowsItsTenSizes) {
  EXPECT_TRUE(is_standard_size({1280, 768}));
  EXPECT_TRUE(is_standard_size({768, 1280}));
  EXPECT_FALSE(is_standard_size({1280, 1024}));
  EXPECT_FALSE(is_standard_size({64, 64}));
}

TEST(ResolutionBinning, LeavesWhatIsNoSizeAtAll) {
  for (const PixelSize size : {PixelSize{8, 1024}, PixelSize{1024, 0}, PixelSize{-64, -64}}) {
    EXPECT_EQ(nearest_standard_size(size), size);
  }
}

}  // namespace
}  // namespace sd
