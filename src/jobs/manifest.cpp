#include "jobs/manifest.h"

#include <algorithm>
#include <iomanip>
#include <system_error>

#include "core/check.h"
#include "jobs/safe_name.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStem = "manifest";
constexpr std::string_view kEnding = ".jsonl";

}  // namespace

std::string manifest_name() { return concat_text(kStem, kEnding); }

std::string manifest_name(std::uint64_t shard, std::uint64_t count) {
  const auto width = std::setw(5);
  return concat_text(kStem, "-", std::setfill('0'), width, shard, "-of-", width, count, kEnding);
}

std::string manifest_name(std::string_view worker) {
  constexpr std::size_t kLongest = 100;
  return concat_text(kStem, "-", safe_name(worker, kLongest), kEnding);
}

bool is_manifest_name(std::string_view name) {
  if (name == manifest_name()) return true;
  return name.size() > kStem.size() + 1 + kEnding.size() && name.starts_with(kStem) &&
         name[kStem.size()] == '-' && name.ends_with(kEnding);
}

std::vector<fs::path> find_manifests(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  const fs::path place = folder.empty() ? "." : folder;
  if (!fs::exists(place, error)) return found;
  fs::directory_iterator entry(place, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (is_manifest_name(name)) found.push_back(folder / name);
  }
  SD_CHECK(!error, ErrorKind::kInput, "cannot read the folder '", folder.string(),
           "': ", error.message());
  std::ranges::sort(found);
  return found;
}

std::string describe_difference(const ManifestRun& there, const ManifestRun& here) {
  std::string text;
  const auto compare = [&](std::string_view what, const auto& old_value, const auto& new_value) {
    if (old_value == new_value) return;
    text += concat_text(text.empty() ? "" : "; ", what, " is ", old_value, " there and ", new_value,
                        " here");
  };
  const auto quoted = [](const std::string& name) { return "'" + name + "'"; };
  const bool have_hashes = there.job_file_sha256 && here.job_file_sha256;
  if (!have_hashes) {
    compare("the job file", quoted(there.job_file), quoted(here.job_file));
  } else if (*there.job_file_sha256 != *here.job_file_sha256) {
    text = there.job_file == here.job_file
               ? "the job file " + quoted(here.job_file) + " has other content"
               : "the job file is " + quoted(there.job_file) + " there and " +
                     quoted(here.job_file) + " here, with other content";
  }
  compare("the seed", there.seed, here.seed);
  if (there.model_hash.empty() || here.model_hash.empty()) {
    compare("the model", quoted(there.model), quoted(here.model));
  } else if (there.model_hash != here.model_hash) {
    constexpr std::size_t kShown = 10;
    const auto print_model = [&](const ManifestRun& run) {
      return quoted(run.model) + " (" + run.model_hash.substr(0, kShown) + ")";
    };
    compare("the model", print_model(there), print_model(here));
  }
  return text;
}

}  // namespace sd
