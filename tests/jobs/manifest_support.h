#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "jobs/file_digest.h"
#include "jobs/job_hash.h"
#include "jobs/manifest.h"
#include "jobs/manifest_reader.h"
#include "jobs/manifest_writer.h"
#include "tests/support/temporary_folder.h"

namespace sd {

inline ManifestRun some_run(std::uint64_t started = 1000) {
  return {.version = "0.1.0",
          .job_file = "jobs.jsonl",
          .job_file_sha256 = std::string(64, 'a'),
          .seed = 7,
          .model = "tiny",
          .model_hash = std::string(64, 'b'),
          .dtype = "fp32",
          .device = "cpu",
          .pattern = "{index}.png",
          .started = started};
}

/// The parameters of the image of that index.
inline std::string some_parameters(std::uint64_t index, int steps = 20) {
  return "{\"seed\":" + std::to_string(index) + ",\"steps\":" + std::to_string(steps) + "}";
}

/// A line for that file, which must be there in `folder`.
inline ManifestImage some_image(const std::filesystem::path& folder, std::uint64_t index,
                                const std::string& file, int steps = 20) {
  const FileDigest digest = digest_file(folder / file).value();
  return {.index = index,
          .job = job_hash(some_parameters(index, steps)),
          .file = file,
          .sha256 = digest.sha256,
          .bytes = digest.bytes,
          .seed = index,
          .timings = {.encode = 0.25, .denoise = 1.5, .decode = 0.5, .save = 0.125},
          .batch_size = 4,
          .parameters = some_parameters(index, steps)};
}

inline ManifestFailure some_failure(std::uint64_t index) {
  return {.index = index,
          .job = job_hash(some_parameters(index)),
          .error = "NaN in the latents",
          .exit_code = 7};
}

/// Writes the file "INDEX.png" and gives its line.
inline ManifestImage make_image(const TemporaryFolder& folder, std::uint64_t index,
                                int steps = 20) {
  const std::string name = std::to_string(index) + ".png";
  folder.write(name, "picture " + std::to_string(index) + " of " + std::to_string(steps));
  return some_image(folder.path(), index, name, steps);
}

inline void write_manifest(const std::filesystem::path& path,
                           const std::vector<ManifestLine>& lines) {
  ManifestWriter writer(path);
  for (const ManifestLine& line : lines) writer.add(line);
}

inline std::vector<ManifestLine> read_manifest(const std::filesystem::path& path) {
  ManifestReader reader(path);
  std::vector<ManifestLine> lines;
  while (auto line = reader.next()) lines.push_back(std::move(*line));
  return lines;
}

}  // namespace sd
