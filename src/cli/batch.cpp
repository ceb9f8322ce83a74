#include "cli/batch_options.h"
#include "cli/batch_session.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/device_processes.h"
#include "core/check.h"
#include "jobs/job_file.h"

namespace sd {
namespace {

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

int run_batch(const Arguments& arguments, const Host& host, Console& console) {
  const auto is_stopped = [&] { return host.stop_signal() != 0; };
  BatchSession session(arguments, origin_of(arguments, is_stopped), host, console);
  if (arguments.batch.devices.empty() || arguments.batch.dry_run) return session.run();
  const std::vector<std::string> devices = parse_devices("--devices", arguments.batch.devices);
  SD_CHECK(arguments.files.front() != "-", ErrorKind::kUsage,
           "--devices expects a file of jobs that all processes can read, found standard input");
  SD_CHECK(arguments.batch.shard.empty(), ErrorKind::kUsage,
           "--devices and --shard cannot stand together");
  session.check_alone();
  return run_on_devices("batch", arguments, devices, host, console);
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
