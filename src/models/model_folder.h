#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sd/pipeline.h"

namespace sd {

/// Who laid the folder out.
enum class FolderLayout {
  kDiffusers,
  kTencent,  ///< models/hunyuan_dit/tencent_layout.h
};

/// A diffusers folder: what model_index.json says of it; or one that is read as if it were.
struct ModelFolder {
  std::filesystem::path path;
  std::string pipeline_class;                     ///< "_class_name"
  std::string diffusers_version;                  ///< "_diffusers_version", empty if not there
  std::map<std::string, std::string> components;  ///< component -> class name, absent ones left out
  FolderLayout layout = FolderLayout::kDiffusers;
  /// Folders of components that are not in one of their own name.
  std::map<std::string, std::string> subfolders = {};

  std::filesystem::path index() const { return path / "model_index.json"; }
  bool has(const std::string& component) const { return components.contains(component); }
  /// Where a component is, or would be.
  std::filesystem::path folder_of(const std::string& component) const {
    const auto found = subfolders.find(component);
    return path / (found == subfolders.end() ? component : found->second);
  }
};

/// Whether `read_model_folder` knows how to read it: there is a model_index.json, or another layout
/// is recognised.
bool is_model_folder(const std::filesystem::path& path);

/// Reads model_index.json, or recognises another layout where there is none. Errors: kModel where
/// the folder or the file is missing or is something else, saying what was found (a single
/// checkpoint file, an ONNX export, a component's own folder).
ModelFolder read_model_folder(const std::filesystem::path& path);

/// The folder of one component, whose class must be one of `classes`; any will do where that is
/// empty. Errors: kModel where it is missing, cannot be opened, or is of another class.
std::filesystem::path component_folder(const ModelFolder& folder, const std::string& component,
                                       const std::vector<std::string>& classes = {});

/// Errors: kModel where no component has weights of that variant, naming those that are there, as
/// diffusers refuses it (pipeline_utils.py, `from_pretrained`). An empty variant is always there.
void check_variant(const ModelFolder& folder, const std::string& variant);

/// Which weight files of a component: their stem ("model", "diffusion_pytorch_model") and variant.
struct WeightFileName {
  std::string stem;
  std::string variant;
};

struct ComponentPaths {
  std::filesystem::path config;
  std::vector<std::filesystem::path> weights;
};

/// config.json and weight files of one component. A variant that the component does not have is
/// reported to the observer, and the plain files are taken. Errors: kModel.
ComponentPaths find_component(const ModelFolder& folder, const std::string& component,
                              const std::vector<std::string>& classes, const WeightFileName& name,
                              Observer& observer);

/// A component by the name of its folder and its class.
struct ComponentClass {
  const char* name;
  const char* class_name;
};

/// The same for a component whose files are named as diffusers names those of its own networks. The
/// variant must be one that the folder has for some component.
ComponentPaths find_diffusers_part(const ModelFolder& folder, const ComponentClass& component,
                                   const LoadOptions& options, Observer& observer);

/// Is a diffusers version such as "0.8.1" older than major.minor? An empty one is not.
bool older_than(const std::string& version, int major, int minor);

}  // namespace sd
