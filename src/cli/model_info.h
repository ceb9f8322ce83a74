#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/help_sections.h"

namespace sd {

/// One component of a diffusers folder, as its files say.
struct ComponentInfo {
  std::string name;                        ///< "unet" say
  std::string class_name;                  ///< as model_index.json names it
  bool is_loaded = true;                   ///< else sd leaves it alone: a safety checker, say
  std::vector<std::string> files;          ///< weights, without their folder; empty: it has none
  std::vector<std::string> variants;       ///< other weights that are there, "fp16" say
  uint64_t bytes = 0;                      ///< of these files
  uint64_t parameters = 0;                 ///< numbers in tensors of floats
  std::map<std::string, uint64_t> dtypes;  ///< dtype -> how many numbers have it
};

/// What `sd info` knows of a model.
struct ModelInfo {
  std::string folder;  ///< as it was named
  std::string pipeline_class;
  std::string diffusers_version;  ///< that wrote it; empty where it is not said
  std::string family;             ///< empty where sd does not know it
  std::string scheduler;          ///< class; empty where there is none
  std::string prediction_type;    ///< "epsilon", "v_prediction", "sample" or "flow"
  std::optional<std::string> hash;
  std::vector<ComponentInfo> components;
};

/// Reads configs and headers of weight files, no weights. An unknown family is no error.
/// Errors: kModel for what is no diffusers folder, or has a broken file.
ModelInfo read_model_info(const std::filesystem::path& folder, const std::string& variant);

/// For people: the model, then a line for each component.
std::string print_model_info(const ModelInfo& info);

/// For programs: an object on one line. Version 1: keys may be added, none goes or changes.
std::string model_info_json(const ModelInfo& info);

/// Every key of these lines.
std::vector<HelpRow> model_info_keys();

/// The weight files of the network that takes the noise away, in order of their names; empty where
/// they cannot be found.
std::vector<std::filesystem::path> denoiser_files(const std::filesystem::path& folder,
                                                  const std::string& variant);

}  // namespace sd
