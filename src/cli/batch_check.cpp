#include "cli/batch_check.h"

#include <algorithm>

#include "core/check.h"
#include "jobs/job_error.h"
#include "jobs/job_keys.h"
#include "jobs/prompt_keys.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

/// The request as far as the model judges it, in a text.
std::string values_of(const BatchTask& task) {
  Job job = task.job;
  // Whether a prompt is there counts: not every model takes all of them.
  for (const PromptKey& prompt : kPromptKeys) {
    std::string& text = job.request.*prompt.text;
    if (!text.empty()) text = "x";
  }
  job.request.seed = 0;
  job.seed.reset();
  job.output.clear();
  if (!job.init_image.empty()) job.init_image = "x";
  return print_job(job);
}

void check_start(const BatchTask& task) {
  const std::string& path = start_of(task);
  if (path.empty()) return;
  std::error_code error;
  SD_CHECK(fs::is_regular_file(path, error), ErrorKind::kUsage,
           task.job.init_image.empty() ? "--init-latents" : "--init-img", ": there is ",
           fs::exists(path, error) ? "no regular file '" : "no file '", path, "'");
}

}  // namespace

BatchNamer::Name TaskChecker::check(const BatchTask& task) {
  if (task.job.model.empty()) shelf_.find("");  // what is wrong with it is not the job's fault
  std::string_view key = "model";
  try {
    const ShelvedModel& model = shelf_.find(task.job.model);
    check_values(task, *model.pipeline);
    check_start(task);
    key = "output";
    BatchNamer::Name name = namer_.name(task, model);
    SD_CHECK(names_.insert(name.file) || setup_.on_exist == OnExist::kRename, ErrorKind::kUsage,
             "an earlier picture has the name '", name.file,
             "' already; {index} in the pattern tells them apart");
    path_below(setup_.output.folder, name.file);
    return name;
  } catch (const Error& error) {
    fail(error.kind(), describe_job_error(task.job, error.what(), key));
  }
}

/// Most tasks of a file have the values of one before, which were judged then.
void TaskChecker::check_values(const BatchTask& task, Pipeline& pipeline) {
  const NameDigest digest = digest_name(values_of(task));
  if (good_values_.contains(digest)) return;
  pipeline.check({task.job.request});
  constexpr size_t kMostRemembered = 10000;
  if (good_values_.size() == kMostRemembered) good_values_ = {};
  good_values_.insert(digest);
}

CheckedJobs check_jobs(
    const BatchSetup& setup, TaskChecker& checker, ModelShelf& shelf, Console& console,
    const std::function<bool()>& is_stopped,
    const std::function<void(const BatchTask&, const BatchNamer::Name&)>& on_task) {
  const std::unique_ptr<JobSource> jobs = setup.origin.open(is_stopped);
  TaskSource tasks = make_tasks(setup, *jobs);
  CheckedJobs checked;
  int wrong = 0;
  const int most_errors = setup.origin.most_errors;
  while (wrong < most_errors && !tasks.is_broken()) {
    SD_CHECK(!is_stopped(), ErrorKind::kInterrupted, "stopped");
    std::optional<BatchTask> task;
    try {
      task = tasks.next();
      if (!task) break;
      const BatchNamer::Name name = checker.check(*task);
      on_task(*task, name);
      ++checked.sizes[describe_size(*task, *shelf.find(task->job.model).pipeline)];
      if (checked.pictures == 0) checked.first_model = task->job.model;
      checked.needs_model |= task->job.model.empty();
      checked.needs_seed |= !task->job.seed;
      ++checked.pictures;
    } catch (const Error& error) {
      const bool names_model = task && !task->job.model.empty();
      const bool is_of_job = error.kind() == ErrorKind::kUsage ||
                             error.kind() == ErrorKind::kInput ||
                             (error.kind() == ErrorKind::kModel && names_model);
      if (!is_of_job) throw;
      console.error(error.what());
      ++wrong;
    }
  }
  SD_CHECK(wrong == 0, ErrorKind::kUsage, setup.origin.name, ": nothing was painted, because ",
           wrong == 1             ? "of this error"
           : wrong == most_errors ? "of these and maybe more errors"
                                  : concat_text("of these ", wrong, " errors"));
  SD_CHECK(checked.pictures > 0, ErrorKind::kUsage, setup.origin.name,
           ": at least one job was expected, found none");
  return checked;
}

}  // namespace sd
