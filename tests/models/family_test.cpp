#include "models/family.h"

#include <gtest/gtest.h>

namespace sd {
namespace {

TEST(Family, IsShortOfMemoryWhereWeightsAndAPictureDoNotFit) {
  FamilyNeeds needs;
  needs.text_weights = 12;
  needs.denoiser_weights = 4;
  needs.autoencoder_weights = 1;
  needs.call_memory = 1;
  needs.decode_memory = 1.5;  // the larger counts, twice
  EXPECT_TRUE(is_short_of_memory(needs, 19.9));
  EXPECT_FALSE(is_short_of_memory(needs, 20));
  EXPECT_FALSE(is_short_of_memory(needs, {})) << "nobody says how much there is";
}

}  // namespace
}  // namespace sd
