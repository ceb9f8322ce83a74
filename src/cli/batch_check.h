#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cli/batch_output.h"
#include "cli/batch_setup.h"
#include "cli/console.h"
#include "cli/model_shelf.h"
#include "jobs/name_set.h"

namespace sd {

/// Checks tasks as far as it can be done without weights: values by the model they are for, files
/// they start from, names that another picture has.
class TaskChecker {
 public:
  /// All must outlive this.
  TaskChecker(const BatchSetup& setup, ModelShelf& shelf, BatchNamer& namer)
      : setup_(setup), shelf_(shelf), namer_(namer) {}

  /// The name of the task's picture. Errors, naming the place of the job: kUsage, kModel, kOutput.
  BatchNamer::Name check(const BatchTask& task);

 private:
  void check_values(const BatchTask& task, Pipeline& pipeline);

  const BatchSetup& setup_;
  ModelShelf& shelf_;
  BatchNamer& namer_;
  NameSet names_;
  NameSet good_values_;  // of requests, prompts and seeds aside
};

/// What a file of jobs holds, all of it checked.
struct CheckedJobs {
  int64_t pictures = 0;
  std::map<std::string, int64_t> sizes;  ///< "512x768", as describe_size has it -> pictures
  std::string first_model;               ///< of the first picture, "" for the run's own
  bool needs_model = false;              ///< a job names none
  bool needs_seed = false;               ///< a job has none
};

/// Reads all jobs of a file; `on_task` hears of each task, its name and its model. Every job that
/// is wrong is told to the console. Errors: kUsage at the end where one was.
CheckedJobs check_jobs(
    const BatchSetup& setup, TaskChecker& checker, ModelShelf& shelf, Console& console,
    const std::function<bool()>& is_stopped,
    const std::function<void(const BatchTask&, const BatchNamer::Name&)>& on_task);

}  // namespace sd
