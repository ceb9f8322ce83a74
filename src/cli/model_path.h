#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace sd {

/// The model that comes with sd and is taken without -m.
inline constexpr const char* kDefaultModel = "shapes-sd1";

struct ModelPath {
  std::filesystem::path folder;  ///< holds model_index.json, or has another layout
  std::string name;              ///< for people: the folder's name, or ORG/NAME
};

/// Finds what -m named, first hit of:
///   1. the path of a folder that `is_model_folder`;
///   2. a name in $SD_MODELS, then among the models that come with sd: models/ and share/sd/models/
///      in the folders above the program (which finds both an installation and a source tree), then
///      the folder of the configured installation;
///   3. ORG/NAME in the Hugging Face cache (huggingface_hub, `constants.py`: $HF_HUB_CACHE,
///      $HUGGINGFACE_HUB_CACHE, $HF_HOME/hub, $XDG_CACHE_HOME/huggingface/hub, ~/.cache/…), the
///      snapshot that refs/main names.
/// Errors: kModel, with the places that were searched.
ModelPath find_model(const std::string& given);

/// The names that find_model takes without a path: models in $SD_MODELS, those that come with sd,
/// and those whole in the Hugging Face cache; sorted.
std::vector<std::string> known_models();

}  // namespace sd
