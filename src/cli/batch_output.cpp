#include "cli/batch_output.h"

#include "cli/model_shelf.h"
#include "core/check.h"
#include "jobs/name_pieces.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFlag = "--output";
constexpr std::string_view kDefaultPattern = "{index:05}";

std::vector<Placeholder> all_placeholders() {
  std::vector<Placeholder> all;
  for (const PlaceholderName& row : kPlaceholderNames) all.push_back(row.placeholder);
  return all;
}

}  // namespace

BatchOutput parse_batch_output(const std::string& option) {
  SD_CHECK(option != "-", ErrorKind::kUsage, kFlag,
           " of sd batch expects a folder, found - for standard output");
  const fs::path path = option;
  const std::vector<Placeholder> placeholders = all_placeholders();
  fs::path folder;
  auto part = path.begin();
  for (; part != path.end(); ++part) {
    const bool is_last = std::next(part) == path.end();
    const bool is_named = has_placeholder(part->string(), placeholders) ||
                          part->string().find_first_of("{}") != std::string::npos;
    std::error_code error;
    if (is_named || (is_last && format_of_name(*part) && !fs::is_directory(path, error))) break;
    folder /= *part;
  }
  fs::path pattern;
  for (; part != path.end(); ++part) pattern /= *part;
  if (folder.empty()) folder = ".";
  return {folder, pattern.empty() ? std::string(kDefaultPattern) : pattern.string()};
}

BatchNamer::BatchNamer(const BatchOutput& output, std::optional<PictureFormat> format,
                       std::time_t time)
    : format_(format), time_(time), names_(parse_batch_names(kFlag, output.pattern, format)) {}

const BatchNames& BatchNamer::names_of(const BatchTask& task) {
  if (task.job.output.empty()) return names_;
  if (!own_names_ || own_pattern_ != task.job.output) {
    own_names_ = parse_batch_names("output", task.job.output, format_);
    own_pattern_ = task.job.output;
  }
  return *own_names_;
}

BatchNamer::Name BatchNamer::name(const BatchTask& task, const ShelvedModel& model) {
  const Request& request = task.job.request;
  const ModelDefaults& defaults = model.defaults;
  const BatchNames& names = names_of(task);
  const PixelSize size = painted_size(task, *model.pipeline)
                             .value_or(PixelSize{request.width.value_or(defaults.width),
                                                 request.height.value_or(defaults.height)});
  return {
      names.pattern.print({.index = static_cast<uint64_t>(task.index),
                           .seed = request.seed,
                           .prompt = request.prompt,
                           .negative_prompt = request.negative_prompt,
                           .sampler = request.sampler.empty() ? defaults.sampler : request.sampler,
                           .steps = steps_of(task, defaults),
                           .scale = request.scale.value_or(defaults.scale),
                           .width = size.width,
                           .height = size.height,
                           .model = model.path.name,
                           .time = time_}),
      names.format};
}

}  // namespace sd
