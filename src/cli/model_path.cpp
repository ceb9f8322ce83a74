#include "cli/model_path.h"

#include <cstdlib>
#include <fstream>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <vector>

#include "cli/executable.h"
#include "core/check.h"
#include "models/model_folder.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

constexpr const char* kIndex = "model_index.json";
constexpr int kLevelsAbove = 4;  // build/PRESET/bin is three below a source tree

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::vector<fs::path> model_shelves() {
  std::vector<fs::path> shelves;
  if (const auto own = variable("SD_MODELS")) shelves.emplace_back(*own);
  fs::path above = executable_folder();
  for (int level = 0; level < kLevelsAbove && above.has_relative_path(); ++level) {
    above = above.parent_path();
    shelves.push_back(above / "models");
    shelves.push_back(above / "share" / "sd" / "models");
  }
  shelves.emplace_back(SD_INSTALLED_MODELS);
  return shelves;
}

std::optional<fs::path> hub_cache() {
  if (const auto cache = variable("HF_HUB_CACHE")) return *cache;
  if (const auto cache = variable("HUGGINGFACE_HUB_CACHE")) return *cache;
  if (const auto home = variable("HF_HOME")) return fs::path(*home) / "hub";
  if (const auto cache = variable("XDG_CACHE_HOME")) return fs::path(*cache) / "huggingface/hub";
  if (const auto home = variable("HOME")) return fs::path(*home) / ".cache/huggingface/hub";
  return std::nullopt;
}

/// ORG/NAME, and neither part a name that a path has (".", "..", "~").
bool is_hub_name(const std::string& given) {
  const size_t slash = given.find('/');
  return slash != given.npos && slash > 0 && slash + 1 < given.size() &&
         given.find('/', slash + 1) == given.npos && given[0] != '.' && given[0] != '~' &&
         given[slash + 1] != '.';
}

/// The folder of a downloaded model; fails where it was begun but is not whole.
std::optional<fs::path> find_snapshot(const fs::path& cache, const std::string& given) {
  const size_t slash = given.find('/');
  const fs::path stored =
      cache / ("models--" + given.substr(0, slash) + "--" + given.substr(slash + 1));
  std::error_code error;
  if (!fs::is_directory(stored, error)) return std::nullopt;
  std::string revision;
  std::ifstream(stored / "refs" / "main") >> revision;
  fs::path snapshot = stored / "snapshots" / revision;
  SD_CHECK(!revision.empty() && revision.find('/') == revision.npos && is_model_folder(snapshot),
           ErrorKind::kModel, "the model ", given,
           " in the Hugging Face cache is not whole: ", (snapshot / kIndex).string(),
           " was expected and is not there");
  return snapshot;
}

[[noreturn]] void fail_at_path(const std::string& given) {
  std::error_code error;
  if (fs::is_directory(given, error)) {
    fail(ErrorKind::kModel, "the folder ", given, " holds no ", kIndex,
         ", a model in diffusers layout was expected");
  }
  fail(ErrorKind::kModel, given,
       " is a single file, and sd reads models in diffusers layout for now: a folder with ",
       kIndex);
}

/// models--ORG--NAME as ORG/NAME; empty for other names.
std::string hub_name(std::string stored) {
  constexpr std::string_view kPrefix = "models--";
  if (!stored.starts_with(kPrefix)) return "";
  stored.erase(0, kPrefix.size());
  const size_t end = stored.find("--");
  return end == stored.npos ? "" : stored.replace(end, 2, "/");
}

}  // namespace

std::vector<std::string> known_models() {
  std::set<std::string> names;
  std::error_code error;
  for (const fs::path& shelf : model_shelves()) {
    for (const fs::directory_entry& entry : fs::directory_iterator(shelf, error)) {
      if (is_model_folder(entry.path())) names.insert(entry.path().filename().string());
    }
  }
  const auto cache = hub_cache();
  for (const fs::directory_entry& entry : fs::directory_iterator(cache.value_or(""), error)) {
    const std::string name = hub_name(entry.path().filename().string());
    std::string revision;
    std::ifstream(entry.path() / "refs" / "main") >> revision;
    if (!name.empty() && is_model_folder(entry.path() / "snapshots" / revision)) names.insert(name);
  }
  return {names.begin(), names.end()};
}

ModelPath find_model(const std::string& given) {
  std::error_code error;
  const fs::path path = given;
  if (is_model_folder(path)) {
    const fs::path whole = fs::canonical(path, error);
    return {path, (error ? path : whole).filename().string()};
  }
  const bool is_name = given.find('/') == given.npos && given != "." && given != "..";
  std::string searched;
  if (is_name) {
    for (const fs::path& shelf : model_shelves()) {
      if (is_model_folder(shelf / path)) return {shelf / path, given};
      if (fs::is_directory(shelf, error)) {
        searched += (searched.empty() ? " and in " : ", ") + shelf.string();
      }
    }
  } else if (const auto cache = hub_cache(); is_hub_name(given) && cache) {
    if (const auto snapshot = find_snapshot(*cache, given)) return {*snapshot, given};
    searched = " and in " + cache->string() + " (the Hugging Face cache)";
  }
  if (fs::exists(path, error)) fail_at_path(given);
  fail(ErrorKind::kModel, "there is no model '", given, "': looked for ", given, "/", kIndex,
       " here", searched);
}

}  // namespace sd
