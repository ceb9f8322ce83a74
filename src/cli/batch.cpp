#include <algorithm>

#include "cli/batch_command.h"
#include "cli/batch_options.h"
#include "cli/batch_session.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/job_help.h"
#include "cli/picture_run.h"
#include "core/check.h"
#include "jobs/job_file.h"

namespace sd {
namespace {

/// Whether pictures take the place of a job file. Errors: kUsage where only some of the files are.
bool are_pictures(const Arguments& arguments) {
  const std::vector<std::string>& files = arguments.files;
  if (files.empty() || !arguments.batch.job_format.empty()) return false;
  const auto other = std::ranges::find_if_not(files, is_picture_file);
  if (other == files.end()) return true;
  SD_CHECK(files.size() == 1, ErrorKind::kUsage,
           "sd batch expects one file of jobs, or several pictures, found ", files.size(),
           " files, of which '", *other, "' is no PNG, JPEG or WebP picture");
  return false;
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
  if (are_pictures(arguments)) {
    return run_pictures("batch", arguments.files, base_job(arguments), arguments, host, console);
  }
  const auto is_stopped = [&] { return host.stop_signal() != 0; };
  BatchSession session(arguments, origin_of(arguments, is_stopped), host, console);
  return run_session("batch", session, arguments, host, console);
}

}  // namespace

const Command& batch_command() {
  static const Command kCommand = {
      .name = "batch",
      .summary = "paint the pictures of a file of jobs",
      .synopsis = "FILE|PICTURE... -o FOLDER [options]",
      .details =
          "Paints what FILE asks for, a job a line or object, - for standard input; or pictures "
          "again, "
          "as sd replay does. The model is "
          "loaded once, what fits together is painted together, every picture is saved as soon as "
          "it is there, and manifest.jsonl in the folder holds a line for each. The whole file is "
          "checked before anything is painted. Where a run ends early, the same command with "
          "--resume paints what is missing.",
      .options = batch_option_groups(),
      .examples = {"sd batch prompts.txt -o out/ --seed 1",
                   "sd batch jobs.jsonl -o \"out/{sampler}/{index:05}\" --resume",
                   "sd batch out/*.png -o again/", "generate-prompts | sd batch - -o out/ --json",
                   "srun -n 8 sd batch jobs.csv -o out/ --seed 1"},
      .run = run_batch,
      .takes_files = true,
      .sections = batch_sections()};
  return kCommand;
}

}  // namespace sd
