#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "jobs/batch_task.h"

namespace sd {

/// A picture that is to be made, or why there is none to make.
struct QueuedTask {
  int64_t index = 0;
  std::optional<BatchTask> task;  ///< nothing where `error` says why
  std::string error;
};

/// Reads tasks ahead on a thread of its own, so that the work goes on while a stream is slow and
/// reading costs no time where it is not. At most `most` tasks wait.
class TaskQueue {
 public:
  /// Gives the next task, nothing at the end. Called on the thread; asks `is_stopped` while it
  /// waits, and may then throw anything.
  using Next = std::function<std::optional<QueuedTask>(const std::function<bool()>& is_stopped)>;

  TaskQueue(Next next, size_t most);
  /// Stops the thread.
  ~TaskQueue();
  TaskQueue(const TaskQueue&) = delete;
  TaskQueue& operator=(const TaskQueue&) = delete;

  /// How long `fill` waits.
  enum class Wait {
    kForOne,   ///< where the window is empty, for one task
    kForFull,  ///< until `most` are there, so that what fits together meets
  };

  /// Moves what is ready to the end of `window`, up to `most` there. Waits as told, but no longer
  /// than to the end or until `is_stopped`, which is asked ten times a second. Rethrows what `next`
  /// threw once all before it was taken.
  void fill(std::deque<QueuedTask>& window, Wait wait, const std::function<bool()>& is_stopped);

  /// Whether the end was read; tasks may still wait.
  bool is_at_end() const;

 private:
  void run(const Next& next);

  size_t most_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<QueuedTask> ready_;
  bool is_at_end_ = false;
  std::exception_ptr failure_;
  std::atomic<bool> must_stop_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace sd
