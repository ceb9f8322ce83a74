#include "jobs/task_queue.h"

#include <chrono>
#include <gtest/gtest.h>
#include <stdexcept>
#include <thread>

namespace sd {
namespace {

const auto kNever = [] { return false; };

QueuedTask task(int64_t index) { return {index, BatchTask{index, {}, {}}, {}}; }

TEST(TaskQueue, GivesAllTasksInTheirOrder) {
  int64_t made = 0;
  TaskQueue queue(
      [&](const auto&) -> std::optional<QueuedTask> {
        if (made == 1000) return {};
        return task(made++);
      },
      16);
  std::deque<QueuedTask> window;
  int64_t taken = 0;
  for (;;) {
    queue.fill(window, TaskQueue::Wait::kForOne, kNever);
    if (window.empty()) break;
    EXPECT_LE(window.size(), 16);
    EXPECT_EQ(window.front().index, taken++);
    window.pop_front();
  }
  EXPECT_EQ(taken, 1000);
  EXPECT_TRUE(queue.is_at_end());
}

TEST(TaskQueue, ReadsNoFurtherAheadThanItMay) {
  std::atomic<int64_t> made = 0;
  TaskQueue queue([&](const auto&) { return std::optional(task(made++)); }, 8);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_LE(made, 9) << "eight wait, and one is in the hand of the thread";
}

TEST(TaskQueue, DoesNotWaitForASlowStreamWhileThereIsWork) {
  std::atomic<bool> is_open = false;
  TaskQueue queue(
      [&](const std::function<bool()>& is_stopped) -> std::optional<QueuedTask> {
        static int64_t made = 0;
        if (made == 1) {
          while (!is_open && !is_stopped()) std::this_thread::yield();
          return {};
        }
        return task(made++);
      },
      8);
  std::deque<QueuedTask> window;
  queue.fill(window, TaskQueue::Wait::kForOne, kNever);  // waits for the first
  ASSERT_EQ(window.size(), 1);
  queue.fill(window, TaskQueue::Wait::kForOne, kNever);  // does not wait for the second
  EXPECT_EQ(window.size(), 1);
  EXPECT_FALSE(queue.is_at_end());
}

TEST(TaskQueue, WaitsUntilTheWindowIsFullWhereItIsTold) {
  int64_t made = 0;
  TaskQueue queue(
      [&](const auto&) -> std::optional<QueuedTask> {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        if (made == 12) return {};
        return task(made++);
      },
      8);
  std::deque<QueuedTask> window;
  queue.fill(window, TaskQueue::Wait::kForFull, kNever);
  EXPECT_EQ(window.size(), 8);
  window.clear();
  queue.fill(window, TaskQueue::Wait::kForFull, kNever);
  EXPECT_EQ(window.size(), 4) << "to the end";
}

TEST(TaskQueue, StopsWaitingWhenItIsTold) {
  TaskQueue queue(
      [](const std::function<bool()>& is_stopped) -> std::optional<QueuedTask> {
        while (!is_stopped()) std::this_thread::yield();
        throw std::runtime_error("stopped");
      },
      8);
  std::deque<QueuedTask> window;
  queue.fill(window, TaskQueue::Wait::kForOne, [] { return true; });
  EXPECT_TRUE(window.empty());
}

TEST(TaskQueue, TellsOfAFailureAfterWhatCameBeforeIt) {
  int64_t made = 0;
  TaskQueue queue(
      [&](const auto&) -> std::optional<QueuedTask> {
        if (made == 2) throw std::runtime_error("broken");
        return task(made++);
      },
      8);
  while (!queue.is_at_end()) std::this_thread::yield();
  std::deque<QueuedTask> window;
  queue.fill(window, TaskQueue::Wait::kForOne, kNever);
  EXPECT_EQ(window.size(), 2);
  window.clear();
  EXPECT_THROW(queue.fill(window, TaskQueue::Wait::kForOne, kNever), std::runtime_error);
}

}  // namespace
}  // namespace sd
