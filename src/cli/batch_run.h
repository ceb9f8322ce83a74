#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/batch_check.h"
#include "cli/batch_resume.h"
#include "cli/batch_saver.h"
#include "cli/batch_setup.h"
#include "cli/console.h"
#include "cli/host.h"
#include "cli/model_shelf.h"
#include "cli/progress.h"
#include "cli/start_pictures.h"
#include "jobs/leases.h"
#include "jobs/task_queue.h"

namespace sd {

/// Which pictures of a job file a process makes.
struct BatchShare {
  /// Whether the picture of that number is to be made here.
  std::function<bool(int64_t index)> has = [](int64_t) { return true; };
  std::optional<int64_t> pictures;  ///< how many these are; nothing for streams
  Leases* leases = nullptr;         ///< who share the folder take each picture from these
  bool takes_again = false;         ///< also pictures that are marked as done, but are missing
};

/// Paints the pictures of a job file: reads ahead, puts what fits together into batches, and hands
/// every picture on to be saved as soon as it is there.
class BatchRun {
 public:
  struct Parts {
    const BatchSetup& setup;
    const Arguments& arguments;
    const Host& host;
    Console& console;
    Progress& progress;
    ModelShelf& shelf;
    TaskChecker& checker;  ///< for streams, whose jobs are checked as they come
    BatchNamer& namer;
    BatchSaver& saver;
    BatchResume* resume = nullptr;  ///< for streams that go on with a run
  };

  BatchRun(const Parts& parts, BatchShare share)
      : parts_(parts), share_(std::move(share)), start_pictures_(parts.console) {}

  /// Paints all. Returns the exit code: 0, or 1 where pictures failed. Errors: what ends the run.
  int run();
  /// After an error: waits until all that was painted is saved, if it can be.
  void save_rest();
  /// "12 of 60 pictures are done, 1 failed"
  std::string summary() const;

 private:
  std::optional<QueuedTask> read_task(TaskSource& tasks) const;
  void take_failures();
  bool is_made_already(const BatchTask& task, const BatchNamer::Name& name);
  std::vector<BatchTask> take_batch();
  bool take(QueuedTask& queued);
  void wait_for_others();
  void paint(std::vector<BatchTask> batch);
  void encode_ahead(const std::vector<BatchTask>& batch, const ShelvedModel& model);
  void paint_each(std::vector<BatchTask> batch);
  std::vector<Request> make_requests(std::vector<BatchTask>& batch);
  void fail_task(const BatchTask& task, ErrorKind kind, const std::string& why,
                 std::string_view key = {});
  void tell_reports();
  std::string subject(size_t images) const;
  bool must_end() const { return failed_ > 0 && parts_.arguments.batch.fail_fast; }
  bool is_stopped() const { return parts_.host.stop_signal() != 0; }

  Parts parts_;
  BatchShare share_;
  std::deque<QueuedTask> window_;
  size_t checked_ = 0;              // of window_, in a stream
  std::deque<QueuedTask> held_;     // by others, who may die
  std::optional<int> most_images_;  // at once, since memory was short
  std::set<int64_t> replaced_;      // pictures of a stream whose files are there, but are not right
  StartHashes starts_;
  StartPictures start_pictures_;
  std::string encoded_model_;   // whose prompts were encoded ahead
  int64_t encoded_until_ = -1;  // up to the picture of that number
  int64_t failed_ = 0;
};

}  // namespace sd
