#include "jobs/batch_task.h"

#include <utility>

namespace sd {

TaskSource::TaskSource(JobSource& jobs, uint64_t base_seed, Expand expand)
    : jobs_(jobs), base_seed_(base_seed), expand_(std::move(expand)) {}

std::optional<BatchTask> TaskSource::next() {
  const int64_t index = next_index_;
  if (!job_ || made_ == job_->count) {
    ++next_index_;  // also where the job cannot be read
    job_ = jobs_.next();
    --next_index_;
    made_ = 0;
    if (!job_) return std::nullopt;
  }
  ++next_index_;
  BatchTask task{index, *job_, {}};
  task.job.count = 1;
  task.job.request.seed = job_->seed ? *job_->seed + static_cast<uint64_t>(made_)
                                     : base_seed_ + static_cast<uint64_t>(index);
  ++made_;
  if (expand_) expand_(task);
  return task;
}

}  // namespace sd
