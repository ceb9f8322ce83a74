#include <cmath>
#include <ctime>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "sd/version.h"

#include "cli/batch_check.h"
#include "cli/batch_options.h"
#include "cli/batch_resume.h"
#include "cli/batch_run.h"
#include "cli/batch_saver.h"
#include "cli/batch_setup.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/result_stream.h"
#include "core/check.h"
#include "io/temporary_file.h"
#include "jobs/job_file.h"
#include "jobs/job_text.h"
#include "jobs/manifest_writer.h"
#include "jobs/shard.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

/// What the jobs take that say nothing themselves.
Job base_job(const Arguments& arguments) {
  Job job;
  job.request = arguments.request;
  job.request.prompt = arguments.prompt.value_or("");
  job.count = arguments.count.value_or(1);
  job.init_image = arguments.init_image.value_or("");
  job.init_latents = arguments.init_latents.value_or("");
  return job;
}

JobOrigin origin_of(const Arguments& arguments, const std::function<bool()>& is_stopped) {
  SD_CHECK(arguments.files.size() == 1, ErrorKind::kUsage,
           "sd batch expects one file of jobs, found ",
           arguments.files.empty() ? "none" : std::to_string(arguments.files.size()));
  const std::string& file = arguments.files.front();
  std::optional<JobFormat> format;
  for (const auto& [name, value] : kJobFormatNames) {
    if (name == arguments.batch.job_format) format = value;
  }
  const Job base = base_job(arguments);
  return {.name = file == "-" ? "standard input" : file,
          .sha256 = hash_job_file(file, is_stopped),
          .open = [=](const std::function<bool()>& is_end) {
            return open_job_file(file, base, format, is_end);
          }};
}

/// The folder of --wildcards, or the one beside the job file where it is there.
std::shared_ptr<const Wildcards> open_wildcards(const Arguments& arguments) {
  constexpr std::string_view kFlag = "--wildcards";
  const fs::path beside = fs::path(arguments.files.front()).parent_path() / "wildcards";
  std::error_code error;
  if (!arguments.batch.wildcards.empty()) {
    return std::make_shared<Wildcards>(kFlag, arguments.batch.wildcards);
  }
  return fs::is_directory(beside, error) ? std::make_shared<Wildcards>(kFlag, beside)
                                         : std::make_shared<Wildcards>();
}

BatchSetup make_setup(const Arguments& arguments, const Host& host) {
  const auto is_stopped = [&] { return host.stop_signal() != 0; };
  SD_CHECK(arguments.output, ErrorKind::kUsage,
           "--output is needed, the folder of the pictures and of their manifest");
  BatchSetup setup;
  setup.origin = origin_of(arguments, is_stopped);
  setup.output = parse_batch_output(*arguments.output);
  setup.format = arguments.format;
  setup.quality = arguments.quality.value_or(kDefaultQuality);
  setup.on_exist = arguments.on_exist.value_or(OnExist::kFail);
  setup.base_seed = arguments.seed ? *arguments.seed : host.random_seed();
  setup.time = std::time(nullptr);
  if (arguments.batch.dynamic) setup.wildcards = open_wildcards(arguments);
  setup.batch_size = arguments.batch_size;
  setup.vae_tiling = arguments.load.vae_tiling;
  setup.lookahead = arguments.batch.lookahead.value_or(setup.lookahead);
  return setup;
}

/// What is to become of each picture of a file.
struct Todo {
  std::vector<bool> is_left_out;
  std::vector<bool> replaces;  ///< its file, whatever it is
  int64_t pictures = 0;        ///< to be made
  int64_t skipped = 0;
  std::vector<std::string> taken;  ///< names of files that are there, the first ones
  int64_t taken_count = 0;
};

class Batch {
 public:
  Batch(const Arguments& arguments, const Host& host, Console& console)
      : arguments_(arguments),
        host_(host),
        console_(console),
        progress_(host, console),
        setup_(make_setup(arguments, host)),
        shard_(find_shard(asked_shard(arguments), process_environment)) {}

  int run() {
    tell_shard();
    if (arguments_.batch.resume) {
      resume_.emplace(setup_);
      resume_->complete(setup_, arguments_.seed.has_value());
    }
    LoadOptions options = arguments_.load;
    if (options.model.empty()) {
      options.model = kDefaultModel;
      console_.note(
          concat_text("no --model: taking ", kDefaultModel, ", a small model that comes with sd"));
    }
    shelf_.emplace(options, host_, progress_);
    namer_.emplace(setup_.output, setup_.format, setup_.time);
    checker_.emplace(setup_, *shelf_, *namer_);
    check_folder();
    if (!setup_.origin.is_stream()) check_file();
    if (arguments_.batch.dry_run) return finish_dry_run();
    if (!arguments_.seed && !resume_) console_.note(concat_text("seed ", setup_.base_seed));
    return paint();
  }

 private:
  static std::optional<ShardRequest> asked_shard(const Arguments& arguments) {
    if (arguments.batch.shard.empty()) return std::nullopt;
    return parse_shard("--shard", arguments.batch.shard);
  }

  void tell_shard() {
    for (const std::string& warning : shard_.warnings) console_.warning(warning);
    if (!shard_.words.empty()) console_.note(shard_.words);
  }

  void check_folder() const {
    const fs::path& folder = setup_.output.folder;
    std::error_code error;
    SD_CHECK(!fs::exists(folder, error) || fs::is_directory(folder, error), ErrorKind::kOutput,
             "cannot write into '", folder.string(), "': it is not a folder");
    if (!arguments_.batch.dry_run) check_folder_takes_files(folder);
  }

  void check_file() {
    const auto is_stopped = [this] { return host_.stop_signal() != 0; };
    const auto look_at = [&](const BatchTask& task, const BatchNamer::Name& name) {
      plan_task(task, name);
      if (arguments_.batch.dry_run) print_plan(task, name);
    };
    checked_ = check_jobs(setup_, *checker_, *shelf_, console_, is_stopped, look_at);
    if (resume_) resume_->report(console_);
    if (todo_.taken_count > 0) {
      std::string names;
      for (const std::string& name : todo_.taken)
        names += (names.empty() ? "'" : ", '") + name + "'";
      fail(ErrorKind::kOutput, todo_.taken_count,
           todo_.taken_count == 1 ? " file is" : " files are", " there already in '",
           setup_.output.folder.string(), "': ", names,
           todo_.taken_count > std::ssize(todo_.taken) ? ", ..." : "",
           " (--resume goes on with a run, --on-exist says what else to do)");
    }
  }

  /// Decides what becomes of a picture.
  void plan_task(const BatchTask& task, const BatchNamer::Name& name) {
    const auto index = static_cast<size_t>(task.index);
    todo_.is_left_out.resize(index + 1);
    todo_.replaces.resize(index + 1);
    if (!shard_.shard.has(task.index)) return;
    const fs::path file = setup_.output.folder / name.file;
    std::error_code error;
    if (resume_) {
      const auto is_stopped = [this] { return host_.stop_signal() != 0; };
      const DoneState state =
          resume_->look_at(task, name, shelf_->find(task.job.model), is_stopped);
      todo_.is_left_out[index] = state == DoneState::kDone;
      todo_.replaces[index] = state == DoneState::kChanged || state == DoneState::kDamaged;
    } else if (fs::exists(file, error)) {
      todo_.is_left_out[index] = setup_.on_exist == OnExist::kSkip;
      if (todo_.is_left_out[index]) ++todo_.skipped;
      if (setup_.on_exist == OnExist::kFail) {
        constexpr size_t kMostNamed = 3;
        if (todo_.taken.size() < kMostNamed) todo_.taken.push_back(name.file);
        ++todo_.taken_count;
      }
    }
    if (!todo_.is_left_out[index]) ++todo_.pictures;
  }

  /// A line of --dry-run.
  void print_plan(const BatchTask& task, const BatchNamer::Name& name) {
    const auto index = static_cast<size_t>(task.index);
    if (!shard_.shard.has(task.index) || todo_.is_left_out[index]) return;
    const Request& request = task.job.request;
    const ModelDefaults& defaults = shelf_->find(task.job.model).defaults;
    print_result(host_, concat_text(name.file, "\t", request.width.value_or(defaults.width), "x",
                                    request.height.value_or(defaults.height), "\t",
                                    request.steps.value_or(defaults.steps), " steps\t",
                                    request.sampler.empty() ? defaults.sampler : request.sampler,
                                    "\tseed ", request.seed, "\t", quotable(request.prompt), "\n"));
  }

  int finish_dry_run() {
    std::string sizes;
    for (const auto& [size, count] : checked_.sizes) {
      sizes += concat_text(sizes.empty() ? "" : ", ", count, " of ", size);
    }
    console_.note(concat_text("dry run: ", todo_.pictures, " of ", checked_.pictures,
                              " pictures would be painted (", sizes, "), into '",
                              setup_.output.folder.string(), "'"));
    return 0;
  }

  int paint() {
    if (!setup_.origin.is_stream() && todo_.pictures == 0) {
      console_.note("nothing is left to paint");
      return 0;
    }
    NewFolders folders;
    folders.make(setup_.output.folder);
    if (resume_) remove_leftovers(setup_.output.folder);
    ManifestWriter manifest(setup_.output.folder / manifest_file());
    const double start = host_.seconds();
    BatchSaver saver(setup_, manifest,
                     {.run = run_line(),
                      .is_json = arguments_.json,
                      .is_resumed = resume_.has_value(),
                      .replaces = [this](int64_t index) { return is_set(todo_.replaces, index); },
                      .variant = arguments_.load.variant,
                      .is_stopped = [this] { return host_.stop_signal() != 0; }});
    BatchShare share;
    share.has = [this](int64_t index) {
      return shard_.shard.has(index) && !is_set(todo_.is_left_out, index);
    };
    if (!setup_.origin.is_stream()) share.pictures = todo_.pictures;
    BatchRun run(
        {setup_, arguments_, host_, console_, progress_, *shelf_, *checker_, *namer_, saver},
        share);
    const auto tell = [&] {
      console_.clear_live_line();
      console_.note(
          concat_text(run.summary(), ", in ", std::lround(host_.seconds() - start), " s"));
    };
    try {
      const int status = run.run();
      tell();
      return status;
    } catch (...) {
      run.save_rest();
      tell();
      throw;
    }
  }

  static bool is_set(const std::vector<bool>& bits, int64_t index) {
    return index < std::ssize(bits) && bits[static_cast<size_t>(index)];
  }

  std::string manifest_file() const {
    return shard_.shard.count > 1 ? manifest_name(static_cast<uint64_t>(shard_.shard.index),
                                                  static_cast<uint64_t>(shard_.shard.count))
                                  : manifest_name();
  }

  ManifestRun run_line() {
    const ShelvedModel& model = shelf_->find("");
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
    if (shard_.shard.count > 1)
      run.shard = concat_text(shard_.shard.index, "/", shard_.shard.count);
    run.pattern = setup_.output.pattern;
    run.started = static_cast<uint64_t>(setup_.time);
    return run;
  }

  const Arguments& arguments_;
  const Host& host_;
  Console& console_;
  Progress progress_;
  BatchSetup setup_;
  FoundShard shard_;
  std::optional<BatchResume> resume_;
  std::optional<ModelShelf> shelf_;
  std::optional<BatchNamer> namer_;
  std::optional<TaskChecker> checker_;
  CheckedJobs checked_;
  Todo todo_;
};

int run_batch(const Arguments& arguments, const Host& host, Console& console) {
  return Batch(arguments, host, console).run();
}

}  // namespace

const Command& batch_command() {
  static const Command kCommand = {
      .name = "batch",
      .summary = "paint the pictures of a file of jobs",
      .synopsis = "FILE -o FOLDER [options]",
      .details =
          "Paints what FILE asks for, a job a line or object, - for standard input: the model is "
          "loaded once, what fits together is painted together, every picture is saved as soon as "
          "it is there, and manifest.jsonl in the folder holds a line for each. The whole file is "
          "checked before anything is painted. Where a run ends early, the same command with "
          "--resume paints what is missing.",
      .options = batch_option_groups(),
      .examples = {"sd batch prompts.txt -o out/ --seed 1",
                   "sd batch jobs.jsonl -o \"out/{sampler}/{index:05}\" --resume",
                   "generate-prompts | sd batch - -o out/ --json",
                   "srun -n 8 sd batch jobs.csv -o out/ --seed 1"},
      .run = run_batch,
      .takes_files = true};
  return kCommand;
}

}  // namespace sd
