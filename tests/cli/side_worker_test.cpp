#include "cli/side_worker.h"

#include <atomic>
#include <gtest/gtest.h>
#include <stdexcept>
#include <vector>

namespace sd {
namespace {

TEST(SideWorker, DoesAllInItsOrder) {
  std::vector<int> done;
  SideWorker worker(2);
  for (int i = 0; i < 100; ++i) {
    worker.post([&done, i] { done.push_back(i); });
  }
  worker.finish();
  ASSERT_EQ(done.size(), 100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(done[static_cast<size_t>(i)], i);
}

TEST(SideWorker, FinishesWhatWaitsWhenItGoes) {
  std::atomic<int> done = 0;
  {
    SideWorker worker(8);
    for (int i = 0; i < 8; ++i) worker.post([&] { ++done; });
  }
  EXPECT_EQ(done, 8);
}

TEST(SideWorker, DoesNothingMoreAfterAFailure) {
  std::atomic<int> done = 0;
  SideWorker worker(8);
  worker.post([] { throw std::runtime_error("the disk is full"); });
  EXPECT_THROW(
      {
        for (int i = 0; i < 1000; ++i) worker.post([&] { ++done; });
      },
      std::runtime_error);
  EXPECT_THROW(worker.finish(), std::runtime_error);
  EXPECT_EQ(done, 0);
}

}  // namespace
}  // namespace sd
