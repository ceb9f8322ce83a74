#include "models/model_folder.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

#include "core/check.h"
#include "core/config_reader.h"
#include "core/model_file.h"
#include "io/component_files.h"
#include "models/hunyuan_dit/tencent_layout.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

/// What stands in place of a diffusers folder, for the error's second half.
std::string describe(const fs::path& path) {
  std::error_code ignored;
  if (!is_there(path)) return "nothing is there";
  if (!fs::is_directory(path, ignored)) {
    return "found a single file; checkpoints in one file must be converted to a folder";
  }
  if (is_there(path / "config.json")) return "found the folder of a single component";
  return fs::is_empty(path) ? "found an empty folder" : "found a folder without it";
}

}  // namespace

bool is_model_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path / "model_index.json", ignored) ||
         find_tencent_folder(path).has_value();
}

ModelFolder read_model_folder(const fs::path& path) {
  std::error_code ignored;
  const fs::path index = path / "model_index.json";
  if (fs::is_directory(path, ignored)) check_model_folder(path);
  if (!is_there(index)) {
    if (auto folder = find_tencent_folder(path)) return *std::move(folder);
  }
  SD_CHECK(is_there(index), ErrorKind::kModel, path.string(),
           ": expected a model in diffusers layout (a folder with model_index.json), ",
           describe(path));
  ConfigReader reader = ConfigReader::from_file(index);
  ModelFolder folder;
  folder.path = path;
  folder.pipeline_class = reader.get_string("_class_name", "");
  folder.diffusers_version = reader.get_string("_diffusers_version", "");
  for (const std::string& key : reader.keys()) {
    // A component is a pair [library, class]; [null, null] says that it was left out.
    if (key.starts_with('_') || !reader.is_component(key)) continue;
    const auto [library, class_name] = reader.get_component(key);
    SD_CHECK(class_name != "OnnxRuntimeModel", ErrorKind::kModel, index.string(), ": '", key,
             "' is an ONNX model; expected safetensors weights of diffusers");
    if (!class_name.empty()) folder.components[key] = class_name;
  }
  SD_CHECK(!folder.pipeline_class.empty(), ErrorKind::kModel, index.string(),
           ": '_class_name' is missing, so the kind of model is unknown");
  return folder;
}

fs::path component_folder(const ModelFolder& folder, const std::string& component,
                          const std::vector<std::string>& classes) {
  const std::string index = folder.index().string();
  auto found = folder.components.find(component);
  SD_CHECK(found != folder.components.end(), ErrorKind::kModel, index, ": the component '",
           component, "'", classes.empty() ? "" : " (" + classes[0] + ")", " is missing");
  SD_CHECK(
      classes.empty() || std::find(classes.begin(), classes.end(), found->second) != classes.end(),
      ErrorKind::kModel, index, ": the component '", component, "' is a ", found->second,
      ", expected ", classes[0]);
  const fs::path path = folder.folder_of(component);
  SD_CHECK(is_there(path), ErrorKind::kModel, path.string(), ": the folder is missing ",
           folder.layout == FolderLayout::kDiffusers ? "although model_index.json names it"
                                                     : "that HunyuanDiT in Tencent's layout has");
  check_model_folder(path);
  return path;
}

void check_variant(const ModelFolder& folder, const std::string& variant) {
  if (variant.empty()) return;
  if (folder.layout == FolderLayout::kTencent) {
    find_tencent_weights(folder, "transformer", variant);
    return;
  }
  std::set<std::string> variants;
  for (const auto& [component, class_name] : folder.components) {
    variants.merge(weight_variants(folder.folder_of(component)));
  }
  const bool no_weights = variants.empty();  // which the first component will say
  if (no_weights || variants.contains(variant)) return;
  variants.erase("");
  std::string known;
  for (const std::string& name : variants) known += (known.empty() ? "'" : "', '") + name;
  fail(ErrorKind::kModel, folder.path.string(), ": no component has weights of the variant '",
       variant, "', found ", known.empty() ? "plain ones alone" : known + "'");
}

ComponentPaths find_component(const ModelFolder& folder, const std::string& component,
                              const std::vector<std::string>& classes, const WeightFileName& name,
                              Observer& observer) {
  const fs::path path = component_folder(folder, component, classes);
  ComponentFiles files = find_weight_files(path, name.stem, name.variant);
  if (files.variant_missing) {
    observer.on_warning(concat_text(path.string(), " has no weights of the variant '", name.variant,
                                    "'; the plain ones are used"));
  }
  return {path / "config.json", std::move(files.paths)};
}

ComponentPaths find_diffusers_part(const ModelFolder& folder, const ComponentClass& component,
                                   const LoadOptions& options, Observer& observer) {
  check_variant(folder, options.variant);
  return find_component(folder, component.name, {component.class_name},
                        {"diffusion_pytorch_model", options.variant}, observer);
}

bool older_than(const std::string& version, int major, int minor) {
  int found_major = 0;
  int found_minor = 0;
  if (std::sscanf(version.c_str(), "%d.%d", &found_major, &found_minor) != 2) return false;
  return std::pair(found_major, found_minor) < std::pair(major, minor);
}

}  // namespace sd
