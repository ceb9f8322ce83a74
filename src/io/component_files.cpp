#include "io/component_files.h"

#include <algorithm>
#include <map>
#include <regex>

#include "core/check.h"
#include "core/config_reader.h"
#include "core/model_file.h"
#include "io/mapped_file.h"
#include "io/safetensors.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

/// The shard's path; its name comes from a file that is not to be trusted.
fs::path shard_path(const fs::path& index, const std::string& name) {
  const fs::path shard(name);
  const bool climbs = std::find(shard.begin(), shard.end(), "..") != shard.end();
  SD_CHECK(!name.empty() && shard.is_relative() && !climbs, ErrorKind::kModel, index.string(),
           ": the shard name '", name, "' leads out of the folder");
  const fs::path path = index.parent_path() / shard;
  SD_CHECK(is_there(path), ErrorKind::kModel, index.string(), ": the shard ", name,
           " is not in the folder; the download may be incomplete");
  return path;
}

/// Throws unless each shard has the tensors that the index says it has.
void check_shard(const fs::path& index, const fs::path& shard,
                 const std::vector<std::string>& tensors) {
  const auto file = MappedFile::open(shard);
  const SafetensorsHeader header = parse_safetensors_header(file->bytes(), shard.string());
  for (const std::string& tensor : tensors) {
    SD_CHECK(header.tensors.contains(tensor), ErrorKind::kModel, index.string(), ": tensor '",
             tensor, "' should be in ", shard.filename().string(), ", which does not have it");
  }
}

std::vector<fs::path> shards_of(const fs::path& index) {
  ConfigReader reader = ConfigReader::from_file(index);
  ConfigReader weight_map = reader.get_object("weight_map");
  std::map<std::string, std::vector<std::string>> tensors_by_shard;
  for (const std::string& tensor : weight_map.keys()) {
    tensors_by_shard[weight_map.get_string(tensor, "")].push_back(tensor);
  }
  SD_CHECK(!tensors_by_shard.empty(), ErrorKind::kModel, index.string(),
           ": 'weight_map' is missing or names no shard");
  std::vector<fs::path> paths;
  for (const auto& [name, tensors] : tensors_by_shard) {
    paths.push_back(shard_path(index, name));
    check_shard(index, paths.back(), tensors);
  }
  return paths;
}

/// The files of exactly this variant; empty where there are none.
std::vector<fs::path> files_of_variant(const fs::path& folder, const std::string& stem,
                                       const std::string& variant) {
  const std::string part = variant.empty() ? "" : "." + variant;
  const fs::path single = folder / (stem + part + ".safetensors");
  if (is_there(single)) return {single};
  for (const std::string& end : {".index" + part + ".json", part + ".index.json"}) {
    const fs::path index = folder / (stem + ".safetensors" + end);
    if (is_there(index)) return shards_of(index);
  }
  return {};
}

/// The names of the folder's files that look like weights.
std::vector<std::string> weight_like_files(const fs::path& folder) {
  static const std::vector<std::string> kExtensions = {
      ".safetensors", ".bin", ".ckpt", ".pt", ".pth", ".onnx", ".msgpack", ".h5", ".gguf"};
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string extension = entry.path().extension().string();
    const auto known = std::find(kExtensions.begin(), kExtensions.end(), extension);
    if (known != kExtensions.end()) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// What to do about safetensors files that are not those asked for; empty where there are none.
std::string hint_about(const std::vector<std::string>& found) {
  for (const std::string& name : found) {
    if (!name.ends_with(".safetensors")) continue;
    const bool is_shard = name.find("-of-") != std::string::npos;
    return is_shard ? " (their index is missing)" : " (a variant has to be asked for by its name)";
  }
  return "";
}

[[noreturn]] void fail_without_files(const fs::path& folder, const std::string& stem) {
  const std::vector<std::string> found = weight_like_files(folder);
  std::string what = found.empty() ? "no weights" : "only " + found[0];
  if (found.size() > 1) what += " and " + std::to_string(found.size() - 1) + " more";
  fail(ErrorKind::kModel, folder.string(), ": expected ", stem, ".safetensors or ", stem,
       ".safetensors.index.json, found ", what, hint_about(found));
}

}  // namespace

std::set<std::string> weight_variants(const fs::path& folder) {
  static const std::regex kName(R"([^.]+?(-\d+-of-\d+)?(\.(.+?))?(-\d+-of-\d+)?\.safetensors)");
  std::set<std::string> variants;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    std::smatch parts;
    if (std::regex_match(name, parts, kName)) variants.insert(parts[3].str());
  }
  return variants;
}

ComponentFiles find_weight_files(const fs::path& folder, const std::string& stem,
                                 const std::string& variant) {
  SD_CHECK(variant.find('/') == std::string::npos, ErrorKind::kUsage, "the variant '", variant,
           "' is not part of a file name");
  check_model_folder(folder);
  std::vector<fs::path> paths = files_of_variant(folder, stem, variant);
  if (!paths.empty()) return {std::move(paths), false};
  if (!variant.empty()) paths = files_of_variant(folder, stem, "");
  if (paths.empty()) fail_without_files(folder, stem);
  return {std::move(paths), true};
}

}  // namespace sd
