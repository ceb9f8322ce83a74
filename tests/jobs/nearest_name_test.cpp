#include "jobs/nearest_name.h"

#include <array>
#include <gtest/gtest.h>

namespace sd {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"steps", "scale", "seed", "spacing"};

TEST(NearestName, FindsTheNameOneEditAway) {
  EXPECT_EQ(nearest_name("stpes", kNames), "steps");   // swapped
  EXPECT_EQ(nearest_name("step", kNames), "steps");    // left out
  EXPECT_EQ(nearest_name("scalee", kNames), "scale");  // put in
  EXPECT_EQ(nearest_name("sead", kNames), "seed");     // changed
  EXPECT_EQ(nearest_name("spaicng", kNames), "spacing");
}

TEST(NearestName, FindsNothingFarAway) {
  EXPECT_FALSE(nearest_name("width", kNames));
  EXPECT_FALSE(nearest_name("", kNames));
  EXPECT_FALSE(nearest_name(std::string(100000, 's'), kNames));
  EXPECT_FALSE(nearest_name("steps", {}));
}

}  // namespace
}  // namespace sd
