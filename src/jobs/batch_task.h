#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "jobs/job.h"

namespace sd {

/// One picture of a run of many.
struct BatchTask {
  int64_t index = 0;            ///< among all pictures of the job file, from 0
  Job job;                      ///< what it is made of, `request.seed` and the prompts in full
  std::string prompt_template;  ///< what a dynamic prompt was before; empty: it was none
  std::map<std::string, std::string> other_templates = {};  ///< the same of the others, by key
};

/// The path of a file that a task starts from, "" where there is none.
const std::string& start_of(const BatchTask& task);

/// The steps of a task: its own, else those of its model, which may differ with a start.
int steps_of(const BatchTask& task, const ModelDefaults& defaults);

/// The size of a task's picture as its model paints it; nothing where the file that it starts from
/// has a say in it, which is not read. Errors: those of Pipeline::picture_size.
std::optional<PixelSize> painted_size(const BatchTask& task, const Pipeline& pipeline);

/// The same in words: "512x768", "the input's size", "512 by the input's height".
std::string describe_size(const BatchTask& task, const Pipeline& pipeline);

/// The seed of a job that has none.
enum class SeedRule {
  kCounted,  ///< the base seed plus the number of the picture
  kShared,   ///< the base seed, for the first picture of each job
};

/// Makes pictures out of jobs: `count` of each, numbered in the order of the file.
class TaskSource {
 public:
  /// What may change the prompts of a task: dynamic prompts. Errors: kUsage.
  using Expand = std::function<void(BatchTask& task)>;

  /// `jobs` must outlive this.
  TaskSource(JobSource& jobs, uint64_t base_seed, Expand expand = {},
             SeedRule rule = SeedRule::kCounted);

  /// The next picture, nothing at the end. Errors: kUsage of the job source or of `expand`; that
  /// picture is left out, and keeps its number.
  std::optional<BatchTask> next();

  /// The number of the picture that `next` comes to.
  int64_t next_index() const { return next_index_; }
  bool is_broken() const { return jobs_.is_broken(); }

 private:
  JobSource& jobs_;
  uint64_t base_seed_;
  Expand expand_;
  SeedRule rule_;
  int64_t next_index_ = 0;
  std::optional<Job> job_;
  int made_ = 0;  // pictures of job_
};

}  // namespace sd
