#pragma once

#include <ctime>
#include <filesystem>
#include <optional>
#include <string>

#include "io/picture_format.h"
#include "jobs/batch_names.h"
#include "jobs/batch_task.h"

namespace sd {

struct ShelvedModel;

/// What -o of `sd batch` says: FOLDER, or FOLDER/PATTERN.
struct BatchOutput {
  std::filesystem::path folder;
  std::string pattern;  ///< below the folder; / makes sub-folders
};

/// The pattern begins at the first part with a placeholder in it; without one the last part is the
/// pattern where it ends in the name of a format. Errors: kUsage.
BatchOutput parse_batch_output(const std::string& option);

/// Names of the pictures of a run.
class BatchNamer {
 public:
  /// `time` is what {date} tells. Errors: kUsage for the pattern.
  BatchNamer(const BatchOutput& output, std::optional<PictureFormat> format, std::time_t time);

  struct Name {
    std::string file;  ///< relative to the folder
    PictureFormat format = PictureFormat::kPng;
  };

  /// What the picture of a task is called; what its job leaves open is the model's, also where a
  /// file that it starts from decides on its size. Errors: kUsage.
  Name name(const BatchTask& task, const ShelvedModel& model);

 private:
  const BatchNames& names_of(const BatchTask& task);

  std::optional<PictureFormat> format_;
  std::time_t time_;
  BatchNames names_;
  std::string own_pattern_;  // of the last job that had one
  std::optional<BatchNames> own_names_;
};

}  // namespace sd
