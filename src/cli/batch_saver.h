#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "sd/pipeline.h"

#include "cli/batch_setup.h"
#include "cli/model_shelf.h"
#include "cli/side_worker.h"
#include "jobs/leases.h"
#include "jobs/manifest_writer.h"
#include "jobs/output_name.h"

namespace sd {

/// A picture on its way to its file.
struct FinishedPicture {
  BatchTask task;
  BatchNamer::Name name;
  Request request;
  Painted painted;
  ShelvedModel* model = nullptr;
  std::string start_sha256;  ///< of the file it starts from, or ""
  bool replaces = false;     ///< a file of its name, whatever it is
};

/// What came of a picture.
struct SavedPicture {
  int64_t index = 0;
  std::string line;     ///< for standard output: its path, or a JSON object
  std::string warning;  ///< what its format could not take, or ""
};

/// Writes pictures beside the painting, each whole or not at all, then its line in the manifest.
class BatchSaver {
 public:
  struct Options {
    ManifestRun run;  ///< how the run begins, the model's hash aside
    bool is_json = false;
    bool is_resumed = false;  ///< files that are this very picture may be replaced
    /// Whether the file of that picture may be replaced, whatever it is.
    std::function<bool(int64_t index)> replaces;
    std::string variant;
    std::string worker;  ///< this process among those that share the folder
  };

  /// `setup`, `manifest` and `leases` must outlive this; nullptr: nobody shares the folder.
  BatchSaver(const BatchSetup& setup, ManifestWriter& manifest, Leases* leases, Options options);

  /// Takes a picture over. Errors: kOutput of an earlier one, after which nothing is saved any
  /// more.
  void save(FinishedPicture picture);
  /// Notes in the manifest that a picture could not be made. Errors as above.
  void note_failure(const BatchTask& task, ErrorKind kind, const std::string& why);
  /// Waits until all is written. Errors as above.
  void finish() { worker_.finish(); }

  /// What was saved since the last call.
  std::vector<SavedPicture> take_saved();
  int64_t saved() const { return saved_; }

 private:
  void write(const FinishedPicture& picture);
  void add_line(const ManifestLine& line, const std::string& model_hash);

  const BatchSetup& setup_;
  ManifestWriter& manifest_;
  Leases* leases_;
  Options options_;
  bool has_begun_ = false;  // the manifest has the line of this run
  NewFolders folders_;
  mutable std::mutex mutex_;
  std::vector<SavedPicture> reports_;
  std::atomic<int64_t> saved_ = 0;
  SideWorker worker_{16};  // last: it uses all of the above
};

}  // namespace sd
