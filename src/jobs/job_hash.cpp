#include "jobs/job_hash.h"

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "io/sha256.h"
#include "io/utf8.h"
#include "jobs/parse_value.h"
#include "jobs/prompt_keys.h"
#include "jobs/request_limits.h"

namespace sd {
namespace {

using Json = nlohmann::json;

template <typename Value>
Json or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json();
}

Json or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

/// One line; what is no UTF-8 is U+FFFD.
std::string print(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

Json read(std::string_view line) {
  Json object = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  return object.is_object() ? object : Json::object();
}

/// How many bytes two texts begin with alike, in whole code points.
std::size_t common_length(std::string_view a, std::string_view b) {
  std::size_t length = std::ranges::mismatch(a, b).in1 - a.begin();
  const auto is_inside = [](std::string_view text, std::size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
  };
  while (length > 0 && (is_inside(a, length) || is_inside(b, length))) --length;
  return length;
}

/// A value as it stands in a sentence. Of a long text the part from `start`, where it begins to
/// differ, in quotes.
std::string excerpt(const Json& value, std::size_t start) {
  if (value.is_null()) return "not set";
  if (!value.is_string()) return print(value);
  constexpr std::size_t kMostCharacters = 40;
  std::string_view rest = value.get_ref<const std::string&>();
  rest.remove_prefix(std::min(start, rest.size()));
  std::string part = start > 0 ? "…" : "";
  for (std::size_t count = 0; !rest.empty(); ++count) {
    if (count == kMostCharacters) {
      part += "…";
      break;
    }
    const std::size_t length = code_point(rest).length;
    part += rest.substr(0, length);
    rest.remove_prefix(length);
  }
  return print(Json(part));
}

/// Where excerpts of these two values begin, so that both show what differs.
std::size_t excerpt_start(const Json& there, const Json& here) {
  constexpr std::size_t kShort = 24;
  if (!there.is_string() || !here.is_string()) return 0;
  const std::size_t common =
      common_length(there.get_ref<const std::string&>(), here.get_ref<const std::string&>());
  return common > kShort ? common : 0;
}

/// Adds what only some families have.
void add_of_families(Json& json, const Request& request, const PictureSetting& setting) {
  for (const PromptKey& prompt : kFurtherPrompts) {
    const std::string& text = request.*prompt.text;
    if (!text.empty()) json[std::string(prompt.key)] = text;
  }
  if (request.max_sequence_length) json["max_sequence_length"] = *request.max_sequence_length;
  const SkipLayerGuidance& skip = request.skip_layers;
  if (!skip.layers.empty()) {
    json["skip_layers"] = print_integers(skip.layers);
    json["skip_layer_scale"] = skip.scale;
    json["skip_layer_start"] = skip.start;
    json["skip_layer_stop"] = skip.stop;
  }
  if (request.resolution_binning) json["resolution_binning"] = *request.resolution_binning;
  if (request.original_size) json["original_size"] = print_size(*request.original_size);
  if (request.target_size) json["target_size"] = print_size(*request.target_size);
  if (request.crop) json["crop"] = print_crop(*request.crop);
  if (!is_usual_rope_grid(request.rope_grid)) json["rope_grid"] = request.rope_grid;
  if (request.rounded_times) json["rounded_times"] = true;
  if (!request.variance.empty()) json["variance"] = request.variance;
  if (!setting.t5.empty()) json["t5"] = setting.t5;
}

}  // namespace

std::string job_parameters(const Request& request, const PictureSetting& setting) {
  const bool has_start = !setting.init_image_sha256.empty() || !setting.init_latents_sha256.empty();
  const bool has_quality = setting.encoding.format != PictureFormat::kPng;
  Json json;  // sorts its keys
  json["prompt"] = request.prompt;
  json["negative_prompt"] = request.negative_prompt;
  json["width"] = or_null(request.width);
  json["height"] = or_null(request.height);
  json["steps"] = or_null(request.steps);
  json["scale"] = or_null(request.scale);
  json["guidance_rescale"] = request.guidance_rescale;
  json["sampler"] = or_null(request.sampler);
  json["sigmas"] = or_null(request.sigmas);
  json["spacing"] = or_null(request.spacing);
  json["eta"] = request.eta;
  json["clip_skip"] = request.clip_skip;
  json["seed"] = request.seed;
  json["strength"] = has_start ? or_null(request.strength) : Json();
  json["init_image"] = or_null(setting.init_image_sha256);
  json["init_latents"] = or_null(setting.init_latents_sha256);
  json["model"] = or_null(setting.model_hash);
  json["dtype"] = setting.dtype;
  json["device"] = setting.device.substr(0, setting.device.find(':'));
  json["vae_tiling"] = setting.vae_tiling;
  json["format"] = format_name(setting.encoding.format);
  add_of_families(json, request, setting);
  json["quality"] = has_quality ? Json(setting.encoding.quality) : Json();
  return print(json);
}

std::string job_hash(std::string_view parameters) {
  Sha256 hash;
  hash.add(parameters);
  return hash.hex();
}

std::string describe_difference(std::string_view there, std::string_view here) {
  const Json old_values = read(there);
  const Json new_values = read(here);
  std::set<std::string> keys;
  for (const Json* values : {&old_values, &new_values}) {
    for (const auto& [key, value] : values->items()) keys.insert(key);
  }
  std::string text;
  for (const std::string& key : keys) {
    const Json old_value = old_values.value(key, Json());
    const Json new_value = new_values.value(key, Json());
    if (old_value == new_value) continue;
    const std::size_t start = excerpt_start(old_value, new_value);
    if (!text.empty()) text += "; ";
    text += key + " is " + excerpt(old_value, start) + " there and " + excerpt(new_value, start) +
            " here";
  }
  return text;
}

}  // namespace sd
