#include "jobs/batch_task.h"

#include <utility>

#include "core/check.h"
#include "jobs/parse_value.h"

namespace sd {

const std::string& start_of(const BatchTask& task) {
  return task.job.init_image.empty() ? task.job.init_latents : task.job.init_image;
}

int steps_of(const BatchTask& task, const ModelDefaults& defaults) {
  const int own = start_of(task).empty() ? defaults.steps : defaults.img2img_steps;
  return task.job.request.steps.value_or(own);
}

std::optional<PixelSize> painted_size(const BatchTask& task, const Pipeline& pipeline) {
  const Request& request = task.job.request;
  if (start_of(task).empty()) return pipeline.picture_size(request);
  if (!request.width || !request.height) return std::nullopt;
  // Latents are of one size, and none is made of it: what is named is that one, or is refused.
  if (!task.job.init_latents.empty()) return PixelSize{*request.width, *request.height};
  return pipeline.picture_size(request);
}

std::string describe_size(const BatchTask& task, const Pipeline& pipeline) {
  if (const auto size = painted_size(task, pipeline)) return print_size(*size);
  const Request& request = task.job.request;
  if (request.width) return concat_text(*request.width, " by the input's height");
  if (request.height) return concat_text("the input's width by ", *request.height);
  return "the input's size";
}

TaskSource::TaskSource(JobSource& jobs, uint64_t base_seed, Expand expand, SeedRule rule)
    : jobs_(jobs), base_seed_(base_seed), expand_(std::move(expand)), rule_(rule) {}

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
  const bool is_counted = !job_->seed && rule_ == SeedRule::kCounted;
  const uint64_t first_seed = job_->seed.value_or(base_seed_);
  const auto further = static_cast<uint64_t>(is_counted ? index : made_);
  ++made_;
  SD_CHECK(further <= kMaxSeed - first_seed, ErrorKind::kUsage, print_place(job_->place), ": seed ",
           first_seed, " is too large for picture ", index + 1, ", whose seed would pass ",
           kMaxSeed);
  task.job.request.seed = first_seed + further;
  if (expand_) expand_(task);
  return task;
}

}  // namespace sd
