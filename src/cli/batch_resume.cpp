#include "cli/batch_resume.h"

#include <optional>

#include "core/check.h"
#include "jobs/job_hash.h"

namespace sd {
namespace {

std::string count_pictures(int64_t count) {
  return concat_text(count, count == 1 ? " picture" : " pictures");
}

}  // namespace

BatchResume::BatchResume(const BatchSetup& setup) : setup_(setup), done_(setup.output.folder) {}

void BatchResume::complete(BatchSetup& setup, bool has_seed) const {
  if (done_.runs().empty()) return;
  const ManifestRun& run = done_.runs().front();
  if (!has_seed) setup.base_seed = run.seed;
  setup.time = static_cast<std::time_t>(run.started);
}

BatchResume::Finding BatchResume::look_at(const BatchTask& task, const BatchNamer::Name& name,
                                          ShelvedModel& model,
                                          const std::function<bool()>& is_stopped) {
  if (done_.size() == 0) return {};
  const std::optional<std::string> model_hash = model.hasher->get(is_stopped);
  SD_CHECK(model_hash || !is_stopped(), ErrorKind::kInterrupted, "stopped");
  const std::string parameters =
      parameters_of(setup_, task, name.format, model.defaults, model_hash.value_or(""),
                    starts_.sha256(start_of(task)));
  const auto index = static_cast<uint64_t>(task.index);
  const DoneState state = done_.state(index, job_hash(parameters), name.file);
  switch (state) {
    case DoneState::kDone: ++made_; break;
    case DoneState::kMissing: break;
    case DoneState::kDamaged: ++damaged_; break;
    case DoneState::kChanged:
      if (++changed_ == 1) {
        first_change_ = concat_text(print_place(task.job.place), ", picture ", task.index + 1, ": ",
                                    done_.describe_change(index, parameters, name.file));
      }
  }
  const bool is_own =
      state == DoneState::kDamaged || (state == DoneState::kChanged && done_.names(name.file));
  return {.state = state, .replaces = is_own};
}

void BatchResume::check_same_run() const {
  SD_CHECK(changed_ == 0 || made_ + damaged_ > 0, ErrorKind::kUsage, "--resume: the pictures in '",
           setup_.output.folder.string(), "' are of other jobs or of another model; ",
           first_change_);
}

void BatchResume::report(Console& console) const {
  check_same_run();
  if (changed_ > 0) {
    console.warning(concat_text("--resume: ", count_pictures(changed_),
                                changed_ == 1 ? " is" : " are",
                                " made again, because another one was made then; ", first_change_));
  }
  if (damaged_ > 0) {
    console.warning(
        concat_text("--resume: ", count_pictures(damaged_), damaged_ == 1 ? " is" : " are",
                    " made again, because the file is gone or is not what was written"));
  }
  console.note(concat_text("--resume: ", count_pictures(made_), made_ == 1 ? " is" : " are",
                           " there already"));
}

}  // namespace sd
