#include "cli/side_worker.h"

#include <utility>

namespace sd {

SideWorker::SideWorker(size_t most) : most_(most), thread_([this] { run(); }) {}

SideWorker::~SideWorker() {
  {
    const std::lock_guard lock(mutex_);
    must_end_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void SideWorker::post(std::function<void()> work) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_.size() < most_ || failure_; });
    rethrow_failure();
    waiting_.push_back(std::move(work));
  }
  changed_.notify_all();
}

void SideWorker::finish() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return (waiting_.empty() && !is_busy_) || failure_; });
  rethrow_failure();
}

void SideWorker::rethrow_failure() {
  if (failure_) std::rethrow_exception(failure_);
}

void SideWorker::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return !waiting_.empty() || must_end_; });
    if (waiting_.empty()) return;
    const std::function<void()> work = std::move(waiting_.front());
    waiting_.pop_front();
    is_busy_ = true;
    lock.unlock();
    std::exception_ptr failure;
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    is_busy_ = false;
    if (failure) {
      failure_ = failure;
      waiting_.clear();
    }
    changed_.notify_all();
    if (failure) return;
  }
}

}  // namespace sd
