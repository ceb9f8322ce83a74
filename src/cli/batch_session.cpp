#include "cli/batch_session.h"

#include <cmath>
#include <ctime>
#include <unistd.h>
#include <utility>

#include "sd/version.h"

#include "cli/batch_run.h"
#include "cli/batch_saver.h"
#include "cli/print_units.h"
#include "cli/result_stream.h"
#include "core/check.h"
#include "io/temporary_file.h"
#include "jobs/job_text.h"
#include "jobs/manifest_writer.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

/// The folder of --wildcards, or the one beside the job file where it is there.
std::shared_ptr<const Wildcards> open_wildcards(const Arguments& arguments,
                                                const std::string& job_file) {
  constexpr std::string_view kFlag = "--wildcards";
  const fs::path beside = fs::path(job_file).parent_path() / "wildcards";
  std::error_code error;
  if (!arguments.batch.wildcards.empty()) {
    return std::make_shared<Wildcards>(kFlag, arguments.batch.wildcards);
  }
  return fs::is_directory(beside, error) ? std::make_shared<Wildcards>(kFlag, beside)
                                         : std::make_shared<Wildcards>();
}

BatchSetup make_setup(const Arguments& arguments, JobOrigin origin, const Host& host) {
  SD_CHECK(arguments.output, ErrorKind::kUsage,
           "--output is needed, the folder of the pictures and of their manifest");
  SD_CHECK(arguments.batch.dynamic || arguments.batch.wildcards.empty(), ErrorKind::kUsage,
           "--wildcards does nothing without --dynamic");
  BatchSetup setup;
  setup.origin = std::move(origin);
  setup.output = parse_batch_output(*arguments.output);
  setup.format = arguments.format;
  setup.quality = arguments.quality.value_or(kDefaultQuality);
  setup.on_exist = arguments.on_exist.value_or(OnExist::kFail);
  setup.base_seed = arguments.seed ? *arguments.seed : host.random_seed();
  setup.time = std::time(nullptr);
  if (arguments.batch.dynamic) setup.wildcards = open_wildcards(arguments, setup.origin.name);
  setup.batch_size = arguments.batch_size;
  setup.vae_tiling = arguments.load.vae_tiling;
  setup.lookahead = arguments.batch.lookahead.value_or(setup.lookahead);
  return setup;
}

std::optional<ShardRequest> asked_shard(const Arguments& arguments) {
  if (arguments.batch.shard.empty()) return std::nullopt;
  return parse_shard("--shard", arguments.batch.shard);
}

bool is_set(const std::vector<bool>& bits, int64_t index) {
  return index < std::ssize(bits) && bits[static_cast<size_t>(index)];
}

/// "host-1234": who made a picture, among those that share a folder.
std::string worker_name() {
  std::string host(256, '\0');
  if (::gethostname(host.data(), host.size() - 1) != 0) host = "host";
  return concat_text(host.c_str(), "-", ::getpid());
}

}  // namespace

BatchSession::BatchSession(const Arguments& arguments, JobOrigin origin, const Host& host,
                           Console& console, BatchHooks hooks)
    : arguments_(arguments),
      host_(host),
      console_(console),
      hooks_(std::move(hooks)),
      progress_(host, console),
      setup_(make_setup(arguments, std::move(origin), host)),
      shard_(find_shard(asked_shard(arguments), process_environment)) {
  SD_CHECK(!arguments.batch.claim || !setup_.origin.is_stream(), ErrorKind::kUsage,
           "--claim expects a file of jobs that all can read, found ", setup_.origin.name);
  SD_CHECK(!arguments.batch.claim || arguments.batch.shard.empty(), ErrorKind::kUsage,
           "--claim and --shard cannot stand together");
  // Those who claim need no numbers, and a launcher may give them some.
  if (arguments.batch.claim) shard_ = {};
}

int BatchSession::run() {
  tell_shard();
  check_folder();
  const bool is_dry = arguments_.batch.dry_run;
  if (arguments_.batch.claim && !is_dry) join_claims();
  if (arguments_.batch.resume) {
    resume_.emplace(setup_);
    resume_->complete(setup_, arguments_.seed || leases_);
    if (leases_) leases_->clear_failed();
  }
  open_models();
  if (!setup_.origin.is_stream() || is_dry) check_file();
  if (is_dry) return finish_dry_run();
  const bool needs_seed = setup_.origin.is_stream() || checked_.needs_seed;
  if (needs_seed && !arguments_.seed && !resume_) {
    console_.note(concat_text("seed ", setup_.base_seed));
  }
  return paint();
}

void BatchSession::check_alone() {
  open_models();
  checked_ = check_jobs(
      setup_, *checker_, *shelf_, console_, [this] { return is_stopped(); },
      [this](const BatchTask& task, const BatchNamer::Name& name) { look_at(task, name); });
  note_default_model();
  if (hooks_.on_checked) hooks_.on_checked(folder());
}

void BatchSession::for_each_picture(
    const std::function<void(const BatchTask& task, const fs::path& file)>& use) {
  const std::unique_ptr<JobSource> jobs = setup_.origin.open([this] { return is_stopped(); });
  TaskSource tasks = make_tasks(setup_, *jobs);
  while (const std::optional<BatchTask> task = tasks.next()) {
    SD_CHECK(!is_stopped(), ErrorKind::kInterrupted, "stopped");
    const ShelvedModel& model = shelf_->find(task->job.model);
    use(*task, setup_.output.folder / namer_->name(*task, model).file);
  }
}

void BatchSession::tell_shard() {
  for (const std::string& warning : shard_.warnings) console_.warning(warning);
  if (!shard_.words.empty()) console_.note(shard_.words);
}

/// What all who share the folder must agree upon.
void BatchSession::join_claims() {
  leases_.emplace(setup_.output.folder);
  const std::string& own = setup_.origin.sha256;
  SD_CHECK(leases_->shared_value("jobs", [&] { return own; }) == own, ErrorKind::kUsage,
           "--claim: the folder '", setup_.output.folder.string(),
           "' is shared by processes with another job file than ", setup_.origin.name);
  const std::string seed =
      leases_->shared_value("seed", [this] { return std::to_string(setup_.base_seed); });
  SD_CHECK(!arguments_.seed || seed == std::to_string(setup_.base_seed), ErrorKind::kUsage,
           "--claim: the folder '", setup_.output.folder.string(),
           "' is shared by processes with --seed ", seed, ", found --seed ", setup_.base_seed);
  setup_.base_seed = std::stoull(seed);
  setup_.time = static_cast<std::time_t>(
      std::stoll(leases_->shared_value("time", [this] { return std::to_string(setup_.time); })));
}

void BatchSession::open_models() {
  LoadOptions options = arguments_.load;
  if (options.model.empty()) {
    options.model = kDefaultModel;
    checked_.needs_model = setup_.origin.is_stream();  // of which no more is known
    note_default_model();
  }
  shelf_.emplace(options, host_, progress_);
  namer_.emplace(setup_.output, setup_.format, setup_.time);
  checker_.emplace(setup_, *shelf_, *namer_);
}

void BatchSession::note_default_model() {
  if (!checked_.needs_model || !arguments_.load.model.empty()) return;
  console_.note(
      concat_text("no --model: taking ", kDefaultModel, ", a small model that comes with sd"));
}

void BatchSession::look_at(const BatchTask& task, const BatchNamer::Name& name) {
  if (hooks_.on_task) hooks_.on_task(task, name, shelf_->find(task.job.model));
}

void BatchSession::check_folder() const {
  const fs::path& folder = setup_.output.folder;
  std::error_code error;
  SD_CHECK(!fs::exists(folder, error) || fs::is_directory(folder, error), ErrorKind::kOutput,
           "cannot write into '", folder.string(), "': it is not a folder");
  if (!arguments_.batch.dry_run) check_folder_takes_files(folder);
}

void BatchSession::check_file() {
  const auto plan = [&](const BatchTask& task, const BatchNamer::Name& name) {
    look_at(task, name);
    plan_task(task, name);
    if (arguments_.batch.dry_run) print_plan(task, name);
  };
  checked_ = check_jobs(
      setup_, *checker_, *shelf_, console_, [this] { return is_stopped(); }, plan);
  if (!setup_.origin.is_stream()) note_default_model();
  if (hooks_.on_checked) hooks_.on_checked(folder());
  if (resume_) resume_->report(console_);
  if (todo_.taken_count == 0) return;
  std::string names;
  for (const std::string& name : todo_.taken) names += (names.empty() ? "'" : ", '") + name + "'";
  fail(ErrorKind::kOutput, todo_.taken_count, todo_.taken_count == 1 ? " file is" : " files are",
       " there already in '", setup_.output.folder.string(), "': ", names,
       todo_.taken_count > std::ssize(todo_.taken) ? ", ..." : "",
       " (--resume goes on with a run, --on-exist says what else to do)");
}

/// Decides what becomes of a picture.
void BatchSession::plan_task(const BatchTask& task, const BatchNamer::Name& name) {
  const auto index = static_cast<size_t>(task.index);
  todo_.is_left_out.resize(index + 1);
  todo_.replaces.resize(index + 1);
  if (!shard_.shard.has(task.index)) return;
  const fs::path file = setup_.output.folder / name.file;
  std::error_code error;
  if (resume_) {
    const auto [state, replaces] =
        resume_->look_at(task, name, shelf_->find(task.job.model), [this] { return is_stopped(); });
    todo_.is_left_out[index] = state == DoneState::kDone;
    todo_.replaces[index] = replaces;
  } else if (!leases_ && fs::exists(file, error)) {  // those who claim see whose it is later
    todo_.is_left_out[index] = setup_.on_exist == OnExist::kSkip;
    if (setup_.on_exist == OnExist::kFail) {
      constexpr size_t kMostNamed = 3;
      if (todo_.taken.size() < kMostNamed) todo_.taken.push_back(name.file);
      ++todo_.taken_count;
    }
  }
  if (!todo_.is_left_out[index]) ++todo_.pictures;
}

/// A line of --dry-run.
void BatchSession::print_plan(const BatchTask& task, const BatchNamer::Name& name) {
  const auto index = static_cast<size_t>(task.index);
  if (!shard_.shard.has(task.index) || todo_.is_left_out[index]) return;
  const Request& request = task.job.request;
  const ShelvedModel& model = shelf_->find(task.job.model);
  const ModelDefaults& defaults = model.defaults;
  print_result(host_, concat_text(name.file, "\t", describe_size(task, *model.pipeline), "\t",
                                  steps_of(task, defaults), " steps\t",
                                  request.sampler.empty() ? defaults.sampler : request.sampler,
                                  "\tseed ", request.seed, "\t", quotable(request.prompt), "\n"));
  estimate_.add(task, model);
}

int BatchSession::finish_dry_run() {
  std::string sizes;
  for (const auto& [size, count] : checked_.sizes) {
    sizes += concat_text(sizes.empty() ? "" : ", ", count, " of ", size);
  }
  console_.note(concat_text("dry run: ", todo_.pictures, " of ", checked_.pictures,
                            " pictures would be painted (", sizes, "), into '",
                            setup_.output.folder.string(), "'"));
  if (todo_.pictures > 0) print_estimate();
  return 0;
}

/// What the pictures of this process would take.
void BatchSession::print_estimate() {
  const Estimate estimate = estimate_.finish(*shelf_, setup_.batch_size);
  const ModelDefaults& defaults = shelf_->find(checked_.first_model).defaults;
  console_.note(concat_text("estimated to take ", print_duration(estimate.seconds), " and ",
                            print_gigabytes(estimate.memory), ", on ", defaults.device, " in ",
                            defaults.dtype));
}

int BatchSession::paint() {
  if (!setup_.origin.is_stream() && todo_.pictures == 0) {
    console_.note("nothing is left to paint");
    return 0;
  }
  ManifestRun begin = run_line();
  NewFolders folders;
  folders.make(setup_.output.folder);
  if (resume_ || leases_) remove_leftovers(setup_.output.folder);  // of processes that died
  ManifestWriter manifest(setup_.output.folder / manifest_file());
  const double start = host_.seconds();
  BatchSaver saver(setup_, manifest, leases_ ? &*leases_ : nullptr,
                   {.run = std::move(begin),
                    .is_json = arguments_.json,
                    .is_resumed = resume_ || leases_,
                    .replaces = [this](int64_t index) { return is_set(todo_.replaces, index); },
                    .variant = arguments_.load.variant,
                    .worker = leases_ ? worker_name() : ""});
  BatchShare share;
  share.has = [this](int64_t index) {
    return shard_.shard.has(index) && !is_set(todo_.is_left_out, index);
  };
  if (!setup_.origin.is_stream()) share.pictures = todo_.pictures;
  share.leases = leases_ ? &*leases_ : nullptr;
  share.takes_again = resume_.has_value();
  const bool resumes_stream = resume_ && setup_.origin.is_stream();
  BatchRun run({setup_, arguments_, host_, console_, progress_, *shelf_, *checker_, *namer_, saver,
                resumes_stream ? &*resume_ : nullptr},
               share);
  const auto tell = [&] {
    console_.clear_live_line();
    console_.note(concat_text(run.summary(), ", in ", std::lround(host_.seconds() - start), " s"));
  };
  try {
    const int status = run.run();
    if (resumes_stream) resume_->report(console_);
    tell();
    return status;
  } catch (...) {
    run.save_rest();
    tell();
    throw;
  }
}

std::string BatchSession::manifest_file() const {
  if (leases_) return manifest_name(worker_name());
  const Shard& shard = shard_.shard;
  return shard.count > 1
             ? manifest_name(static_cast<uint64_t>(shard.index), static_cast<uint64_t>(shard.count))
             : manifest_name();
}

ManifestRun BatchSession::run_line() {
  const ShelvedModel& model = shelf_->find(checked_.first_model);
  const Shard& shard = shard_.shard;
  ManifestRun run;
  run.version = kVersion;
  run.job_file = setup_.origin.name;
  if (!setup_.origin.is_stream()) {
    run.job_file_sha256 = setup_.origin.sha256;
    run.images = static_cast<uint64_t>(checked_.pictures);
  }
  run.seed = setup_.base_seed;
  run.model = model.path.name;
  run.dtype = model.defaults.dtype;
  run.device = model.defaults.device;
  if (shard.count > 1) run.shard = concat_text(shard.index, "/", shard.count);
  run.pattern = setup_.output.pattern;
  run.started = static_cast<uint64_t>(setup_.time);
  return run;
}

}  // namespace sd
