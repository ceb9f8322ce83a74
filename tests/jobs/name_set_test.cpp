#include "jobs/name_set.h"

#include <gtest/gtest.h>
#include <string>

namespace sd {
namespace {

TEST(NameSet, KnowsWhatItHolds) {
  NameSet names;
  EXPECT_FALSE(names.contains(digest_name("a")));
  EXPECT_TRUE(names.insert("a"));
  EXPECT_FALSE(names.insert("a"));
  EXPECT_TRUE(names.insert("b"));
  EXPECT_TRUE(names.contains(digest_name("a")));
  EXPECT_FALSE(names.contains(digest_name("c")));
  EXPECT_EQ(names.size(), 2);
}

// SHA-256 of "abc" (FIPS 180-2, B.1) begins with these bytes.
TEST(NameSet, DigestsAreThoseOfSha256) {
  EXPECT_EQ(digest_name("abc"), (NameDigest{0xba7816bf8f01cfea, 0x414140de5dae2223}));
}

TEST(NameSet, HoldsManyNames) {
  NameSet names;
  constexpr int kMany = 200000;
  for (int i = 0; i < kMany; ++i) ASSERT_TRUE(names.insert(std::to_string(i)));
  for (int i = 0; i < kMany; i += 7) ASSERT_FALSE(names.insert(std::to_string(i)));
  EXPECT_FALSE(names.contains(digest_name("x")));
  EXPECT_EQ(names.size(), kMany);
}

}  // namespace
}  // namespace sd
