#include "jobs/random_stream.h"

#include <array>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <vector>

namespace sd {
namespace {

// The numbers that implementations in other languages show for this seed, Rosetta Code's among
// them.
TEST(RandomStream, IsSplitMix64) {
  RandomStream random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317u);
  EXPECT_EQ(random.next(), 3203168211198807973u);
  EXPECT_EQ(random.next(), 9817491932198370423u);
}

TEST(RandomStream, DrawsAgainWhatWouldFavourTheFirstNumbers) {
  // Of 2^63 + 1 numbers the incomplete second run is drawn again: about every other number.
  RandomStream random(1);
  RandomStream same(1);
  const uint64_t count = (uint64_t{1} << 63) + 1;
  for (int i = 0; i < 100; ++i) {
    uint64_t expected = same.next();
    while (expected >= count) expected = same.next();
    ASSERT_EQ(random.below(count), expected);
  }
}

TEST(RandomStream, TakesTheNumberItselfBelowAPowerOfTwo) {
  RandomStream random(7);
  RandomStream same(7);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(random.below(8), same.next() % 8);
}

TEST(DrawDifferent, DrawsAllInSomeOrderAndNoneOfNoWeight) {
  RandomStream random(3);
  const std::vector<uint64_t> sums = {2, 2, 7, 8, 8};
  for (int i = 0; i < 100; ++i) {
    EXPECT_THAT(draw_different(random, sums, 3), testing::UnorderedElementsAre(0, 2, 3));
  }
  EXPECT_TRUE(draw_different(random, sums, 0).empty());
}

// Two of three with the weights 1, 2 and 5: the chance of (i, j) is w_i / 8 * w_j / (8 - w_i).
TEST(DrawDifferent, HasTheChancesOfDrawingWithoutPuttingBack) {
  constexpr int kDraws = 80000;
  constexpr std::array<double, 3> kWeights = {1, 2, 5};
  const std::vector<uint64_t> sums = {1, 3, 8};
  std::array<std::array<int, 3>, 3> found = {};
  RandomStream random(11);
  for (int i = 0; i < kDraws; ++i) {
    const std::vector<size_t> drawn = draw_different(random, sums, 2);
    ++found.at(drawn[0]).at(drawn[1]);
  }
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = 0; j < 3; ++j) {
      const double chance = i == j ? 0 : kWeights[i] / 8 * kWeights[j] / (8 - kWeights[i]);
      const double deviation = std::sqrt(kDraws * chance * (1 - chance));
      EXPECT_NEAR(found[i][j], kDraws * chance, 4 * deviation) << i << ", " << j;
    }
  }
}

}  // namespace
}  // namespace sd
