#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sd/error.h"

namespace sd {

/// The version of the format that is written and read.
inline constexpr int kManifestSchema = 1;

/// How a run began: the first line of a manifest, and once more for each run that continues it.
struct ManifestRun {
  std::string version = {};                         ///< of sd
  std::string job_file = {};                        ///< as it was named
  std::optional<std::string> job_file_sha256 = {};  ///< none of a stream
  std::uint64_t seed = 0;                           ///< the base of the images' seeds
  std::string model = {};
  std::string model_hash = {};
  std::string dtype = {};
  std::string device = {};
  std::string shard = {};                    ///< "3/16"; empty: not one of several
  std::string pattern = {};                  ///< of names
  std::optional<std::uint64_t> images = {};  ///< of the whole job file; none of a stream
  std::uint64_t started = 0;                 ///< seconds since 1970; {date} of a resumed run, too

  bool operator==(const ManifestRun&) const = default;
};

/// Seconds that an image, or the batch it was part of, took.
struct ManifestTimings {
  double encode = 0;
  double denoise = 0;
  double decode = 0;
  double save = 0;

  bool operator==(const ManifestTimings&) const = default;
};

/// An image that was made.
struct ManifestImage {
  std::uint64_t index = 0;
  std::string job = {};          ///< job_hash of its parameters
  std::string file = {};         ///< relative to the manifest's folder, with / between
  std::string wanted_file = {};  ///< its name before --on-exist rename changed it; else empty
  std::string sha256 = {};
  std::uint64_t bytes = 0;
  std::uint64_t seed = 0;
  ManifestTimings timings = {};
  int batch_size = 1;
  std::string worker = {};           ///< who made it, where several share the jobs; else empty
  std::string parameters = {};       ///< as job_parameters prints them
  std::string prompt_template = {};  ///< of a dynamic prompt; else empty
  std::map<std::string, std::string> other_templates = {};  ///< of other prompts, by their keys

  bool operator==(const ManifestImage&) const = default;
};

/// An image that could not be made.
struct ManifestFailure {
  std::uint64_t index = 0;
  std::string job = {};  ///< empty where there is none: the job could not be read
  std::string error = {};
  int exit_code = 1;  ///< that of the error's kind

  bool operator==(const ManifestFailure&) const = default;
};

using ManifestLine = std::variant<ManifestRun, ManifestImage, ManifestFailure>;

/// "manifest.jsonl", the name of a run that shares its jobs with no other.
std::string manifest_name();

/// "manifest-00003-of-00016.jsonl"
std::string manifest_name(std::uint64_t shard, std::uint64_t count);

/// "manifest-WORKER.jsonl", WORKER made safe for a file's name.
std::string manifest_name(std::string_view worker);

/// Whether a file of this name is a manifest.
bool is_manifest_name(std::string_view name);

/// The manifests of a folder, by name; none where it is not there. Errors: kInput where it cannot
/// be read.
std::vector<std::filesystem::path> find_manifests(const std::filesystem::path& folder);

/// The line as JSON in one line, without its end.
std::string print_manifest_line(const ManifestLine& line);

/// What print_manifest_line printed, perhaps by a later version of this schema: keys that are not
/// known do not count. `place`, the file and line, begins the kInput that is thrown for all else.
ManifestLine parse_manifest_line(std::string_view text, const std::string& place);

/// What keeps two runs from being parts of one: job file, base seed or model, in words; empty where
/// nothing does.
std::string describe_difference(const ManifestRun& there, const ManifestRun& here);

}  // namespace sd
