// How keys of a job are found by their names.

#include <algorithm>
#include <array>
#include <utility>

#include "core/check.h"
#include "io/utf8.h"
#include "jobs/job_keys.h"
#include "jobs/job_text.h"
#include "jobs/parse_value.h"

namespace sd {
namespace {

/// What AUTOMATIC1111's "Prompts from file" has beside ours, and what to write in its place.
constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kForeignKeys = {{
    {"outpath_samples", " (output names the file, --output the folder)"},
    {"outpath_grids", ""},
    {"prompt_for_display", ""},
    {"styles", ""},
    {"subseed", ""},
    {"subseed_strength", ""},
    {"seed_resize_from_h", ""},
    {"seed_resize_from_w", ""},
    {"sampler_index", " (sampler takes a name)"},
    {"batch_size", " (count says how many images, --batch-size how many at once)"},
    {"restore_faces", ""},
    {"tiling", ""},
    {"do_not_save_samples", ""},
    {"do_not_save_grid", ""},
}};

/// Whether a key is of that name, be it with hyphens or underscores.
bool is_name(std::string_view typed, std::string_view name) {
  return std::ranges::equal(typed, name, [](char a, char b) { return (a == '-' ? '_' : a) == b; });
}

}  // namespace

std::optional<size_t> find_job_key(std::string_view typed) {
  const std::span<const JobKey> keys = job_keys();
  const auto found = std::ranges::find_if(keys, [&](const JobKey& key) {
    const auto is_this = [&](std::string_view name) { return is_name(typed, name); };
    return is_this(key.name) || std::ranges::any_of(key.other_names, is_this);
  });
  if (found == keys.end()) return std::nullopt;
  return found - keys.begin();
}

size_t parse_job_key(std::string_view typed) {
  if (const auto key = find_job_key(typed)) return *key;
  for (const auto& [name, hint] : kForeignKeys) {
    SD_CHECK(!is_name(typed, name), ErrorKind::kUsage, typed,
             " is of AUTOMATIC1111's web UI and has no equal here", hint);
  }
  std::vector<std::string_view> names;
  for (const JobKey& key : job_keys()) names.push_back(key.name);
  for (const JobKey& key : job_keys()) {
    names.insert(names.end(), key.other_names.begin(), key.other_names.end());
  }
  std::string spelled = lower_case(typed);
  std::ranges::replace(spelled, '-', '_');
  fail(ErrorKind::kUsage, "expected a key such as prompt or steps, found '", quotable(typed), "'",
       suggest(spelled, names));
}

}  // namespace sd
