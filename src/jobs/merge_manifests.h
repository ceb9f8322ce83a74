#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "io/atomic_file.h"

namespace sd {

/// What a merged manifest has.
struct MergedManifest {
  std::uint64_t images = 0;    ///< that were made
  std::uint64_t failures = 0;  ///< images that were not
  std::uint64_t manifests = 0;
};

/// Writes one manifest in place of several: one run, then for each index the line that counts, as
/// it stands, in the order of the indices; memory holds 24 bytes a line. `inputs` are folders,
/// which stand for all manifests in them, and files; `out` may be one of them. Names of files stay
/// as they are. Errors: kInput (damaged lines, no manifest), kUsage where job file, seed or model
/// of two runs differ, kTemporary where one of them is being written, kOutput.
MergedManifest merge_manifests(const std::vector<std::filesystem::path>& inputs,
                               const std::filesystem::path& out, OnExist on_exist);

}  // namespace sd
