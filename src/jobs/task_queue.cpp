#include "jobs/task_queue.h"

#include <chrono>
#include <utility>

namespace sd {

TaskQueue::TaskQueue(Next next, size_t most)
    : most_(most), thread_([this, next = std::move(next)] { run(next); }) {}

TaskQueue::~TaskQueue() {
  {
    const std::lock_guard lock(mutex_);  // else the thread could miss it on its way to sleep
    must_stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void TaskQueue::run(const Next& next) {
  std::exception_ptr failure;
  try {
    while (!must_stop_) {
      std::optional<QueuedTask> task = next([this] { return must_stop_.load(); });
      if (!task) break;
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return ready_.size() < most_ || must_stop_; });
      ready_.push_back(std::move(*task));
      changed_.notify_all();
    }
  } catch (...) {
    failure = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  failure_ = failure;
  is_at_end_ = true;
  changed_.notify_all();
}

void TaskQueue::fill(std::deque<QueuedTask>& window, Wait wait,
                     const std::function<bool()>& is_stopped) {
  constexpr auto kNap = std::chrono::milliseconds(100);
  const size_t enough = wait == Wait::kForFull ? most_ : 1;
  std::unique_lock lock(mutex_);
  while (window.size() + ready_.size() < enough && !is_at_end_ && !is_stopped()) {
    changed_.wait_for(lock, kNap);
  }
  while (!ready_.empty() && window.size() < most_) {
    window.push_back(std::move(ready_.front()));
    ready_.pop_front();
  }
  changed_.notify_all();
  if (window.empty() && ready_.empty() && failure_) {
    std::rethrow_exception(std::exchange(failure_, nullptr));
  }
}

bool TaskQueue::is_at_end() const {
  const std::lock_guard lock(mutex_);
  return is_at_end_;
}

}  // namespace sd
