#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/batch_check.h"
#include "cli/batch_estimate.h"
#include "cli/batch_resume.h"
#include "cli/batch_setup.h"
#include "cli/console.h"
#include "cli/host.h"
#include "cli/model_shelf.h"
#include "cli/progress.h"
#include "jobs/leases.h"
#include "jobs/manifest.h"
#include "jobs/shard.h"

namespace sd {

/// What a command does beside the run, in which jobs can be read twice; all may be empty.
struct BatchHooks {
  /// Hears of each picture of all jobs once it is checked.
  std::function<void(const BatchTask& task, const BatchNamer::Name& name,
                     const ShelvedModel& model)>
      on_task;
  /// After the last of them, before anything is painted. What it throws ends the run.
  std::function<void(const std::filesystem::path& folder)> on_checked;
};

/// The run of many pictures from its options to its exit code: what `sd batch`, `sd replay` and
/// `sd grid` share. All jobs are checked, the plan is made, then the pictures.
class BatchSession {
 public:
  /// Errors: kUsage for options that cannot hold.
  BatchSession(const Arguments& arguments, JobOrigin origin, const Host& host, Console& console,
               BatchHooks hooks = {});

  /// Returns the exit code. Errors: what ends the run.
  int run();

  /// Checks all jobs, and does no more. Errors: kUsage.
  void check_alone();

  /// All pictures of the jobs and their files, in their order; after run().
  void for_each_picture(
      const std::function<void(const BatchTask& task, const std::filesystem::path& file)>& use);

  const std::filesystem::path& folder() const { return setup_.output.folder; }
  bool is_stream() const { return setup_.origin.is_stream(); }
  /// Whether this makes a fixed share of the pictures, other processes the rest.
  bool is_shard() const { return shard_.shard.count > 1; }

 private:
  /// What is to become of each picture of a file.
  struct Todo {
    std::vector<bool> is_left_out;
    std::vector<bool> replaces;      ///< its file, whatever it is
    int64_t pictures = 0;            ///< to be made
    std::vector<std::string> taken;  ///< names of files that are there, the first ones
    int64_t taken_count = 0;
  };

  void tell_shard();
  void join_claims();
  void open_models();
  void note_default_model();
  void check_folder() const;
  void check_file();
  void plan_task(const BatchTask& task, const BatchNamer::Name& name);
  void print_plan(const BatchTask& task, const BatchNamer::Name& name);
  int finish_dry_run();
  void print_estimate();
  int paint();
  std::string manifest_file() const;
  ManifestRun run_line();
  void look_at(const BatchTask& task, const BatchNamer::Name& name);
  bool is_stopped() const { return host_.stop_signal() != 0; }

  const Arguments& arguments_;
  const Host& host_;
  Console& console_;
  BatchHooks hooks_;
  Progress progress_;
  BatchSetup setup_;
  FoundShard shard_;
  std::optional<Leases> leases_;
  std::optional<BatchResume> resume_;
  std::optional<ModelShelf> shelf_;
  std::optional<BatchNamer> namer_;
  std::optional<TaskChecker> checker_;
  CheckedJobs checked_;
  BatchEstimate estimate_;  // of a dry run
  Todo todo_;
};

}  // namespace sd
