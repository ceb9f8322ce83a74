#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/check.h"
#include "jobs/batch_names.h"
#include "jobs/manifest.h"

namespace sd {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kRun = "run";
constexpr const char* kImage = "image";
constexpr const char* kFailure = "failure";

Json or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

template <typename Value>
Json or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json();
}

Json to_json(const ManifestRun& run) {
  return {{"kind", kRun},
          {"schema", kManifestSchema},
          {"version", run.version},
          {"job_file", run.job_file},
          {"job_file_sha256", or_null(run.job_file_sha256)},
          {"seed", run.seed},
          {"model", run.model},
          {"model_hash", run.model_hash},
          {"dtype", run.dtype},
          {"device", run.device},
          {"shard", or_null(run.shard)},
          {"pattern", run.pattern},
          {"images", or_null(run.images)},
          {"started", run.started}};
}

Json to_json(const ManifestImage& image) {
  const ManifestTimings& seconds = image.timings;
  Json json = {{"kind", kImage},
               {"index", image.index},
               {"job", image.job},
               {"file", image.file},
               {"sha256", image.sha256},
               {"bytes", image.bytes},
               {"seed", image.seed},
               {"timings",
                {{"encode", seconds.encode},
                 {"denoise", seconds.denoise},
                 {"decode", seconds.decode},
                 {"save", seconds.save}}},
               {"batch_size", image.batch_size}};
  if (!image.wanted_file.empty()) json["wanted_file"] = image.wanted_file;
  if (!image.worker.empty()) json["worker"] = image.worker;
  if (!image.prompt_template.empty()) json["template"] = image.prompt_template;
  if (!image.other_templates.empty()) json["templates"] = image.other_templates;
  json["parameters"] = Json::parse(image.parameters);
  return json;
}

Json to_json(const ManifestFailure& failure) {
  return {{"kind", kFailure},
          {"index", failure.index},
          {"job", failure.job.empty() ? Json() : Json(failure.job)},
          {"error", failure.error},
          {"exit_code", failure.exit_code}};
}

/// The values of a line, each under a key that must be there.
class LineReader {
 public:
  LineReader(std::string_view text, const std::string& place) : place_(place) {
    // What lies deeper than any known key does not count; so no tree grows deep.
    constexpr int kDeepest = 4;
    const auto keep = [](int depth, Json::parse_event_t, Json&) { return depth <= kDeepest; };
    json_ = Json::parse(text, keep, /*allow_exceptions=*/false);
    if (!json_.is_object()) fail("it is no JSON object, the line is damaged");
  }

  const Json& json() const { return json_; }

  template <typename... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    sd::fail(ErrorKind::kInput, place_, ": ", parts...);
  }

  const Json& value(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end()) fail("the key ", key, " is missing");
    return *found;
  }

  std::string text(const char* key) const { return text(key, value(key)); }

  std::string text_or_empty(const char* key) const {
    const auto found = json_.find(key);
    return found == json_.end() || found->is_null() ? "" : text(key, *found);
  }

  std::uint64_t number(const char* key) const {
    const Json& found = value(key);
    if (!found.is_number_unsigned()) fail_type(key, "a whole number from 0", found);
    return found.get<std::uint64_t>();
  }

  int small_number(const char* key) const {
    const std::uint64_t found = number(key);
    if (found > std::numeric_limits<int>::max()) fail(key, " is too large, found ", found);
    return static_cast<int>(found);
  }

  /// A hash of 64 hexadecimal digits.
  std::string hash(const char* key) const {
    constexpr std::size_t kDigits = 64;
    const std::string found = text(key);
    const bool is_hash =
        found.size() == kDigits && found.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!is_hash) fail_type(key, "64 hexadecimal digits", value(key));
    return found;
  }

  [[noreturn]] void fail_type(const char* key, const char* expected, const Json& found) const {
    fail(key, " expects ", expected, ", found ", shortened(found));
  }

 private:
  std::string text(const char* key, const Json& found) const {
    if (!found.is_string()) fail_type(key, "a text", found);
    return found.get<std::string>();
  }

  static std::string shortened(const Json& value) {
    constexpr std::size_t kLongest = 60;
    std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
    if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
    return text;
  }

  const std::string& place_;
  Json json_;
};

ManifestRun read_run(const LineReader& line) {
  const std::uint64_t schema = line.number("schema");
  if (schema != kManifestSchema) {
    line.fail("schema ", schema, " is of another version of sd, this one reads schema ",
              kManifestSchema);
  }
  ManifestRun run;
  run.version = line.text("version");
  run.job_file = line.text("job_file");
  if (!line.value("job_file_sha256").is_null()) run.job_file_sha256 = line.hash("job_file_sha256");
  run.seed = line.number("seed");
  run.model = line.text("model");
  run.model_hash = line.text("model_hash");
  run.dtype = line.text("dtype");
  run.device = line.text("device");
  run.shard = line.text_or_empty("shard");
  run.pattern = line.text("pattern");
  if (!line.value("images").is_null()) run.images = line.number("images");
  run.started = line.number("started");
  return run;
}

double read_seconds(const LineReader& line, const char* key) {
  const Json& timings = line.value("timings");
  const auto found = timings.find(key);
  const bool is_time = found != timings.end() && found->is_number();
  if (!is_time || !std::isfinite(found->get<double>())) {
    line.fail_type("timings", "an object of seconds", timings);
  }
  return found->get<double>();
}

/// The parameters as one line, which they were before.
std::string read_parameters(const LineReader& line) {
  const Json& object = line.value("parameters");
  const bool is_flat = object.is_object() && std::ranges::none_of(object, &Json::is_structured);
  if (!is_flat) line.fail_type("parameters", "an object of texts and numbers", object);
  return object.dump();
}

std::map<std::string, std::string> read_templates(const LineReader& line) {
  const auto found = line.json().find("templates");
  if (found == line.json().end()) return {};
  const bool has_texts = found->is_object() && std::ranges::all_of(*found, &Json::is_string);
  if (!has_texts) line.fail_type("templates", "an object of texts", *found);
  return found->get<std::map<std::string, std::string>>();
}

ManifestImage read_image(const LineReader& line) {
  ManifestImage image;
  image.index = line.number("index");
  image.job = line.hash("job");
  image.file = line.text("file");
  const bool is_name = stays_below(image.file) && image.file.find('\0') == std::string::npos;
  if (!is_name) line.fail_type("file", "a name below the manifest's folder", line.value("file"));
  image.sha256 = line.hash("sha256");
  image.bytes = line.number("bytes");
  image.seed = line.number("seed");
  image.timings = {.encode = read_seconds(line, "encode"),
                   .denoise = read_seconds(line, "denoise"),
                   .decode = read_seconds(line, "decode"),
                   .save = read_seconds(line, "save")};
  image.batch_size = line.small_number("batch_size");
  image.wanted_file = line.text_or_empty("wanted_file");
  image.worker = line.text_or_empty("worker");
  image.prompt_template = line.text_or_empty("template");
  image.other_templates = read_templates(line);
  image.parameters = read_parameters(line);
  return image;
}

ManifestFailure read_failure(const LineReader& line) {
  return {.index = line.number("index"),
          .job = line.text_or_empty("job"),
          .error = line.text("error"),
          .exit_code = line.small_number("exit_code")};
}

}  // namespace

std::string print_manifest_line(const ManifestLine& line) {
  const Json json = std::visit([](const auto& content) { return to_json(content); }, line);
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

ManifestLine parse_manifest_line(std::string_view text, const std::string& place) {
  const LineReader line(text, place);
  const std::string kind = line.text("kind");
  if (kind == kRun) return read_run(line);
  if (kind == kImage) return read_image(line);
  if (kind == kFailure) return read_failure(line);
  line.fail_type("kind", "run, image or failure", line.value("kind"));
}

}  // namespace sd
