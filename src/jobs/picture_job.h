#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/job.h"

namespace sd {

/// What is to be otherwise than in a picture: a key of a job and its value.
struct JobChange {
  std::string key;
  std::string value;
};

/// Reads the value of --set: "steps=30". Errors: kUsage naming the flag, for what is no key, and a
/// value that the key does not take.
JobChange parse_job_change(std::string_view flag, std::string_view text);

/// A picture as the job that paints it again.
struct PictureJob {
  Job job;                              ///< its place is the picture
  std::vector<std::string> unequalled;  ///< of its parameters, see unequalled_fields
  // What it was made with that is the run's to say; nothing where its parameters do not tell.
  std::optional<std::string> variant;  ///< "" for the plain files
  std::optional<std::string> device;
  std::optional<std::string> dtype;
  std::optional<bool> vae_tiling;
  std::optional<std::string> t5;  ///< "none" or a dtype; nothing also where it is that of the rest
};

/// Reads the parameters of a PNG, JPEG or WebP file that sd painted, or one of the programs that
/// find_parameters knows, on top of `base`, and the changes on top of them: a field whose key is
/// changed does not count. What the picture started from is looked for beside the picture, then in
/// the current folder.
///
/// Errors: kUsage beginning with the name of the file: it cannot be read, has no parameters or is a
/// contact sheet; a field that sd does not take; values that cannot hold together; a start that is
/// not there or not named. kInterrupted as soon as `is_stopped`.
PictureJob read_picture_job(
    const std::string& path, const Job& base, std::span<const JobChange> changes = {},
    const std::function<bool()>& is_stopped = [] { return false; });

/// Whether a file begins with these bytes that is a PNG, JPEG or WebP picture; 12 bytes tell.
bool begins_picture(std::string_view head);

}  // namespace sd
