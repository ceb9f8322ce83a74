#include "text/prompt_cache.h"

#include <gtest/gtest.h>

#include "core/tensor_ops.h"

namespace sd {
namespace {

/// 400 bytes that say a number.
at::Tensor states(double number) { return at::full({10, 10}, number); }

TEST(PromptCache, FindsWhatWasKept) {
  PromptCache cache;
  EXPECT_FALSE(cache.find("a").defined());
  cache.keep("a", states(1));
  cache.keep("b", states(2));
  EXPECT_EQ(cache.find("a")[0][0].item<double>(), 1);
  EXPECT_EQ(cache.find("b")[0][0].item<double>(), 2);
  EXPECT_EQ(cache.bytes(), 800);
  cache.keep("a", states(3));
  EXPECT_EQ(cache.find("a")[0][0].item<double>(), 1) << "equal prompts have equal states";
  EXPECT_EQ(cache.bytes(), 800);
}

TEST(PromptCache, ForgetsTheLeastRecentlyUsedBeyondItsBudget) {
  PromptCache cache(1000);
  cache.keep("a", states(1));
  cache.keep("b", states(2));
  cache.find("a");
  cache.keep("c", states(3));
  EXPECT_TRUE(cache.find("a").defined());
  EXPECT_FALSE(cache.find("b").defined());
  EXPECT_TRUE(cache.find("c").defined());
  EXPECT_EQ(cache.bytes(), 800);
}

TEST(PromptCache, KeepsOneThatIsLargerThanItsBudgetAlone) {
  PromptCache cache(100);
  cache.keep("a", states(1));
  EXPECT_TRUE(cache.find("a").defined());
  cache.keep("b", states(2));
  EXPECT_FALSE(cache.find("a").defined());
  EXPECT_TRUE(cache.find("b").defined());
}

}  // namespace
}  // namespace sd
