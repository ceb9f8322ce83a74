#pragma once

#include <cstdint>
#include <ctime>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cli/arguments.h"
#include "cli/batch_output.h"
#include "io/atomic_file.h"
#include "jobs/batch_task.h"
#include "jobs/wildcards.h"

namespace sd {

/// Where the jobs of a run come from; a file can be opened as often as it is asked for, a stream
/// once.
struct JobOrigin {
  std::string name;    ///< for messages and the manifest: "jobs.jsonl", "standard input"
  std::string sha256;  ///< of the file; empty for a stream, which cannot be read twice
  std::function<std::unique_ptr<JobSource>(std::function<bool()> is_stopped)> open;
  SeedRule seeds = SeedRule::kCounted;  ///< of jobs that have none
  int most_errors = 20;                 ///< after so many wrong jobs no more are looked for

  bool is_stream() const { return sha256.empty(); }
};

/// What a run of many pictures does, as its options say it.
struct BatchSetup {
  JobOrigin origin;
  BatchOutput output;
  std::optional<PictureFormat> format;
  int quality = kDefaultQuality;
  OnExist on_exist = OnExist::kFail;
  uint64_t base_seed = 0;
  std::time_t time = 0;                        ///< of the run, for {date}
  std::shared_ptr<const Wildcards> wildcards;  ///< where it is there dynamic prompts are expanded
  std::optional<int> batch_size;               ///< nothing: as the engine suggests
  bool vae_tiling = false;
  int lookahead = 256;
};

/// What jobs take that say nothing themselves, as the options say it.
Job base_job(const Arguments& arguments);

/// The tasks of such a run: numbered, seeded, prompts expanded. `jobs` and `setup` must outlive it.
TaskSource make_tasks(const BatchSetup& setup, JobSource& jobs);

/// All that decides the bytes of a task's picture, as job_parameters prints it. `start_sha256` is
/// that of the file it starts from, "" where there is none.
std::string parameters_of(const BatchSetup& setup, const BatchTask& task, PictureFormat format,
                          const ModelDefaults& defaults, const std::string& model_hash,
                          const std::string& start_sha256);

/// SHA-256 of files that tasks start from; that of the last one is remembered, because many may
/// start from one.
class StartHashes {
 public:
  /// Of the file, "" for an empty path. Errors: kInput.
  const std::string& sha256(const std::string& path);

 private:
  std::string path_;
  std::string sha256_;
};

}  // namespace sd
