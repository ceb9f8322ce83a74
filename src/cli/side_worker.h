#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace sd {

/// Does small works on a thread of its own, one after the other, beside the large one: pictures
/// are written while the next ones are painted.
class SideWorker {
 public:
  /// At most `most` works wait.
  explicit SideWorker(size_t most);
  /// Does what still waits, unless a work failed.
  ~SideWorker();
  SideWorker(const SideWorker&) = delete;
  SideWorker& operator=(const SideWorker&) = delete;

  /// Hands on a work; waits while too many do. Rethrows what an earlier one threw, after which none
  /// is done any more.
  void post(std::function<void()> work);

  /// Waits until all is done; rethrows as above.
  void finish();

 private:
  void run();
  void rethrow_failure();

  size_t most_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  bool is_busy_ = false;
  bool must_end_ = false;
  std::exception_ptr failure_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace sd
