#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace sd {

/// The weight files of one component of a diffusers folder.
struct ComponentFiles {
  std::vector<std::filesystem::path> paths;  ///< one file, or all shards in order of their names
  bool variant_missing = false;              ///< a variant was asked for, these are the plain files
};

/// The variants of the safetensors files of `folder`, by their names; "" stands for plain files.
/// Empty where the folder has none, or is not there.
std::set<std::string> weight_variants(const std::filesystem::path& folder);

/// Finds the safetensors files of `folder`: `<stem>[.<variant>].safetensors`, or shards named by
/// `<stem>.safetensors.index[.<variant>].json` (or the older
/// `<stem>.safetensors.<variant>.index.json`). Where the folder has nothing of that variant the
/// plain files are taken, as diffusers does. `stem` is "diffusion_pytorch_model" or "model"; an
/// empty variant asks for the plain files.
/// Errors: kModel for a folder that cannot be opened or is without such files (naming what is there
/// instead), a shard that is missing or named outside of the folder, a tensor of the index that its
/// shard does not have;
/// kUsage for a variant that is no part of a file name.
ComponentFiles find_weight_files(const std::filesystem::path& folder, const std::string& stem,
                                 const std::string& variant);

}  // namespace sd
