#include "cli/batch_run.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <stdexcept>
#include <thread>
#include <tuple>
#include <utility>

#include "cli/image_report.h"
#include "cli/result_stream.h"
#include "core/check.h"
#include "io/latents_file.h"
#include "jobs/job_error.h"

namespace sd {
namespace {

/// Whether the pictures of two tasks for one model are of one size.
bool agree_in_size(const BatchTask& a, const BatchTask& b, const Pipeline& pipeline) {
  const std::optional<PixelSize> left = painted_size(a, pipeline);
  const std::optional<PixelSize> right = painted_size(b, pipeline);
  if (left || right) return left == right;
  // Both are decided by a start, which is read later.
  const auto asked = [](const BatchTask& task) {
    const Request& request = task.job.request;
    return std::tuple(start_of(task), request.width, request.height, request.resolution_binning);
  };
  return asked(a) == asked(b);
}

/// Whether two tasks can be one batch: one model, one size, as many text tokens, one grid of
/// positions, times rounded or not, both guided or not.
bool fit_together(const BatchTask& a, const BatchTask& b, const ShelvedModel& model) {
  const auto is_guided = [&](const Request& r) {
    return r.scale.value_or(model.defaults.scale) > 1;
  };
  const Request& left = a.job.request;
  const Request& right = b.job.request;
  return a.job.model == b.job.model && is_guided(left) == is_guided(right) &&
         left.max_sequence_length == right.max_sequence_length &&
         left.rope_grid == right.rope_grid && left.rounded_times == right.rounded_times &&
         agree_in_size(a, b, *model.pipeline);
}

/// What ends one picture, and not the run.
bool is_of_one_picture(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage:
    case ErrorKind::kInput:
    case ErrorKind::kMemory:
    case ErrorKind::kNumeric: return true;
    case ErrorKind::kModel:
    case ErrorKind::kOutput:
    case ErrorKind::kTemporary:
    case ErrorKind::kInterrupted: return false;
  }
  return false;
}

}  // namespace

int BatchRun::run() {
  const BatchSetup& setup = parts_.setup;
  const auto stopped = [this] {
    if (parts_.host.take_status_request()) parts_.console.note(summary() + "; waiting for jobs");
    return is_stopped();
  };
  std::unique_ptr<JobSource> jobs;
  std::optional<TaskSource> tasks;
  TaskQueue queue(
      [&](const std::function<bool()>& is_queue_stopped) {
        if (!jobs) {
          jobs = setup.origin.open([=, this] { return is_queue_stopped() || is_stopped(); });
          tasks.emplace(make_tasks(setup, *jobs));
        }
        return read_task(*tasks);
      },
      static_cast<size_t>(setup.lookahead));
  const auto wait = setup.origin.is_stream() ? TaskQueue::Wait::kForOne : TaskQueue::Wait::kForFull;
  for (;;) {
    queue.fill(window_, wait, stopped);
    SD_CHECK(!is_stopped(), ErrorKind::kInterrupted, "stopped");
    if (window_.empty() && queue.is_at_end()) {
      if (held_.empty()) break;
      wait_for_others();
    }
    take_failures();
    if (!window_.empty() && !must_end()) paint(take_batch());
    tell_reports();
    if (must_end()) break;
  }
  parts_.saver.finish();
  tell_reports();
  return failed_ == 0 ? 0 : 1;
}

/// The next task of this process, or why there is none in its place.
std::optional<QueuedTask> BatchRun::read_task(TaskSource& tasks) const {
  for (;;) {
    const int64_t index = tasks.next_index();
    try {
      std::optional<BatchTask> task = tasks.next();
      if (!task) return std::nullopt;
      if (share_.has(task->index)) return QueuedTask{task->index, std::move(task), {}};
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kUsage || tasks.is_broken()) throw;
      if (share_.has(index)) return QueuedTask{index, std::nullopt, error.what()};
    }
  }
}

/// Jobs of a stream that could not be read, or that are found to be wrong.
void BatchRun::take_failures() {
  std::deque<QueuedTask> good;
  for (size_t i = 0; i < window_.size(); ++i) {
    QueuedTask& queued = window_[i];
    if (queued.task && i >= checked_ && parts_.setup.origin.is_stream()) {
      std::optional<BatchNamer::Name> name;
      try {
        name = parts_.checker.check(*queued.task);
      } catch (const Error& error) {
        const bool names_model = !queued.task->job.model.empty();
        const bool is_of_job =
            is_of_one_picture(error.kind()) || (error.kind() == ErrorKind::kModel && names_model);
        if (!is_of_job) throw;
        queued.error = error.what();
      }
      if (name && is_made_already(*queued.task, *name)) continue;
    }
    if (queued.error.empty()) {
      good.push_back(std::move(queued));
    } else {
      fail_task(queued.task.value_or(BatchTask{queued.index, {}, {}}), ErrorKind::kUsage,
                queued.error);
    }
  }
  window_ = std::move(good);
  checked_ = window_.size();
}

/// What --resume knows of a picture of a stream; that of a file is known before the run.
bool BatchRun::is_made_already(const BatchTask& task, const BatchNamer::Name& name) {
  if (parts_.resume == nullptr) return false;
  const auto [state, replaces] = parts_.resume->look_at(
      task, name, parts_.shelf.find(task.job.model), [this] { return is_stopped(); });
  if (state == DoneState::kChanged) parts_.resume->check_same_run();
  if (replaces) replaced_.insert(task.index);
  return state == DoneState::kDone;
}

/// The tasks of the next batch: the first of the window, or of those whose model is loaded, and
/// what fits to it.
std::vector<BatchTask> BatchRun::take_batch() {
  const auto is_loaded = [this](const QueuedTask& queued) {
    return parts_.shelf.is_loaded(queued.task->job.model);
  };
  std::vector<BatchTask> batch;
  while (batch.empty() && !window_.empty()) {
    auto first = std::ranges::find_if(window_, is_loaded);
    if (first == window_.end()) first = window_.begin();
    if (take(*first)) batch.push_back(std::move(*first->task));
    window_.erase(first);
  }
  checked_ = window_.size();
  if (batch.empty()) return {};
  const ShelvedModel& model = parts_.shelf.load(batch[0].job.model);
  int most = parts_.setup.batch_size ? *parts_.setup.batch_size
                                     : model.pipeline->suggested_batch_size(batch[0].job.request);
  if (most_images_) most = std::min(most, *most_images_);
  std::deque<QueuedTask> rest;
  for (QueuedTask& queued : window_) {
    const bool fits = std::ssize(batch) < most && fit_together(batch[0], *queued.task, model);
    if (!fits) {
      rest.push_back(std::move(queued));
    } else if (take(queued)) {
      batch.push_back(std::move(*queued.task));
    }
  }
  window_ = std::move(rest);
  checked_ = window_.size();
  return batch;
}

/// Whether the task is this process's own to do. What others do is kept in mind, in case they die.
bool BatchRun::take(QueuedTask& queued) {
  if (share_.leases == nullptr) return true;
  const Claim claim = share_.takes_again ? share_.leases->take_again(queued.index)
                                         : share_.leases->take(queued.index);
  if (claim == Claim::kHeld) held_.push_back(std::move(queued));
  return claim == Claim::kTaken;
}

/// Looks again for pictures that others had when they were looked for.
void BatchRun::wait_for_others() {
  constexpr auto kNap = std::chrono::milliseconds(100);
  constexpr int kNaps = 10;
  parts_.saver.finish();
  tell_reports();
  for (int nap = 0; nap < kNaps && !is_stopped(); ++nap) std::this_thread::sleep_for(kNap);
  window_ = std::exchange(held_, {});
  checked_ = window_.size();
}

/// The requests of a batch with what they start from; tasks whose start cannot be read leave it.
std::vector<Request> BatchRun::make_requests(std::vector<BatchTask>& batch) {
  std::vector<Request> requests;
  std::vector<BatchTask> good;
  for (BatchTask& task : batch) {
    Request request = task.job.request;
    try {
      if (!task.job.init_image.empty())
        request.init_image = start_pictures_.read(task.job.init_image);
      if (!task.job.init_latents.empty())
        request.init_latents = read_latents(task.job.init_latents);
    } catch (const Error& error) {
      const char* key = task.job.init_image.empty() ? "init_latents" : "init_img";
      fail_task(task, error.kind(), error.what(), key);
      continue;
    }
    requests.push_back(std::move(request));
    good.push_back(std::move(task));
  }
  batch = std::move(good);
  return requests;
}

/// Encodes the prompts of the batch and of all that waits for its model in one go, where that is
/// worth while: on a GPU, which fills with many, and where the text encoder has to be loaded for
/// it.
void BatchRun::encode_ahead(const std::vector<BatchTask>& batch, const ShelvedModel& model) {
  const std::string& name = batch[0].job.model;
  const bool is_worth_while = parts_.arguments.load.low_memory || model.defaults.device != "cpu";
  const bool is_done = encoded_model_ == name && batch.back().index <= encoded_until_;
  if (!is_worth_while || is_done) return;
  std::vector<Request> requests;
  for (const BatchTask& task : batch) requests.push_back(task.job.request);
  encoded_until_ = batch.back().index;
  for (const QueuedTask& queued : window_) {
    if (queued.task->job.model != name) continue;
    requests.push_back(queued.task->job.request);
    encoded_until_ = std::max(encoded_until_, queued.index);
  }
  encoded_model_ = name;
  model.pipeline->encode_ahead(requests, parts_.progress);
}

void BatchRun::paint(std::vector<BatchTask> batch) {
  const std::vector<Request> requests = make_requests(batch);
  if (batch.empty()) return;
  ShelvedModel& model = parts_.shelf.load(batch[0].job.model);
  parts_.progress.set_subject(subject(batch.size()));
  parts_.progress.set_on_first_step([&model] { model.hasher->start(); });
  std::vector<Painted> painted;
  try {
    encode_ahead(batch, model);
    painted = model.pipeline->paint(requests, parts_.progress);
  } catch (const Error& error) {
    if (!is_of_one_picture(error.kind())) throw;
    if (batch.size() == 1) return fail_task(batch[0], error.kind(), error.what());
    if (error.kind() == ErrorKind::kMemory) most_images_ = static_cast<int>(batch.size() / 2);
    return paint_each(std::move(batch));
  }
  if (painted.size() != batch.size()) throw std::logic_error("the engine lost an image");
  model.hasher->start();
  for (size_t i = 0; i < batch.size(); ++i) {
    BatchNamer::Name name = parts_.namer.name(batch[i], model);
    std::string start_sha256 = starts_.sha256(start_of(batch[i]));
    const bool replaces = replaced_.erase(batch[i].index) > 0;
    parts_.saver.save({.task = std::move(batch[i]),
                       .name = std::move(name),
                       .request = requests[i],
                       .painted = std::move(painted[i]),
                       .model = &model,
                       .start_sha256 = std::move(start_sha256),
                       .replaces = replaces});
  }
}

/// A batch that failed, in halves: so memory may do, and the one that is to blame is found.
void BatchRun::paint_each(std::vector<BatchTask> batch) {
  const auto middle = batch.begin() + std::ssize(batch) / 2;
  std::vector<BatchTask> second(std::make_move_iterator(middle),
                                std::make_move_iterator(batch.end()));
  batch.erase(middle, batch.end());
  paint(std::move(batch));
  paint(std::move(second));
}

void BatchRun::fail_task(const BatchTask& task, ErrorKind kind, const std::string& why,
                         std::string_view key) {
  ++failed_;
  const std::string place = print_place(task.job.place);
  const bool is_placed = place.empty() || why.starts_with(place);
  const std::string sentence = is_placed ? why : describe_job_error(task.job, why, key);
  parts_.console.error(concat_text("picture ", task.index + 1, ": ", sentence));
  parts_.saver.note_failure(task, kind, sentence);
  if (parts_.arguments.json) {
    print_result(parts_.host, failure_report(task.index, task.job.request, sentence) + "\n");
  }
}

void BatchRun::save_rest() {
  try {
    parts_.saver.finish();
    tell_reports();
  } catch (const Error& error) {  // what ended the run is told, and this in the log
    parts_.console.detail(error.what());
  }
}

std::string BatchRun::summary() const {
  const int64_t saved = parts_.saver.saved();
  std::string text = concat_text(saved);
  if (share_.pictures) text += concat_text(" of ", *share_.pictures);
  text += share_.pictures.value_or(saved) == 1 ? " picture is done" : " pictures are done";
  if (failed_ > 0) text += concat_text(", ", failed_, " failed");
  return text;
}

void BatchRun::tell_reports() {
  for (const SavedPicture& saved : parts_.saver.take_saved()) {
    if (!saved.warning.empty()) parts_.console.warning(saved.warning);
    parts_.console.clear_live_line();
    if (!saved.line.empty()) print_result(parts_.host, saved.line + "\n");
  }
}

/// "12 of 60 done": what stands before the phase.
std::string BatchRun::subject(size_t images) const {
  std::string text = concat_text(parts_.saver.saved());
  if (share_.pictures) text += concat_text(" of ", *share_.pictures);
  text += " done";
  if (failed_ > 0) text += concat_text(", ", failed_, " failed");
  if (images > 1) text += concat_text(", ", images, " at once");
  return text;
}

}  // namespace sd
