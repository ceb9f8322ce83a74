#include "jobs/picture_fields.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include "core/check.h"
#include "io/utf8.h"
#include "jobs/job_text.h"
#include "jobs/parse_value.h"
#include "jobs/picture_parameters.h"
#include "jobs/prompt_keys.h"
#include "jobs/request_limits.h"
#include "jobs/sampler_names.h"

namespace sd {
namespace {

constexpr std::string_view kSampler = "Sampler";
constexpr std::string_view kSchedule = "Schedule type";
constexpr std::string_view kSize = "Size";
constexpr std::string_view kClipSkip = "Clip skip";
constexpr std::string_view kStrength = "Denoising strength";
constexpr std::string_view kRandom = "RNG";

/// Fields whose value is that of a key.
constexpr std::array<std::pair<std::string_view, std::string_view>, 23> kPlainFields = {{
    {"Model", "model"},
    {"Variant", "variant"},
    {"Seed", "seed"},
    {"Steps", "steps"},
    {"CFG scale", "scale"},
    {"Eta DDIM", "eta"},  // of A1111
    {"Eta", "eta"},
    {"Guidance rescale", "guidance_rescale"},
    {"Timestep spacing", "spacing"},
    {kStrength, "strength"},
    {kInitImageField, "init_img"},
    {kInitLatentsField, "init_latents"},
    {"Device", "device"},
    {"Dtype", "dtype"},
    {kT5DtypeField, "t5_dtype"},
    {kSequenceLengthField, "max_sequence_length"},
    {kSkipLayerScaleField, "skip_layer_scale"},
    {kSkipLayerStartField, "skip_layer_start"},
    {kSkipLayerStopField, "skip_layer_stop"},
    {kOriginalSizeField, "original_size"},
    {kTargetSizeField, "target_size"},
    {kRopeGridField, "rope_grid"},
    {kVarianceField, "variance"},
}};

/// The others that have an equal.
constexpr std::array<std::string_view, 10> kTranslated = {
    kSampler, kSchedule,        kSize,      kClipSkip,     kTilingField,
    kRandom,  kSkipLayersField, kCropField, kBinningField, kRoundedTimesField};

/// Fields that tell of a picture, but not what it looks like.
constexpr std::array<std::string_view, 10> kTelling = {
    "Model hash", "VAE hash", "Init image hash",   "Hashes",   "Version",
    "User",       "Template", "Negative Template", "Left out", "Created Date"};

bool is_of_hires_fix(std::string_view field) { return field.starts_with("Hires "); }

/// Whether a schedule, in lower case, is the model's own.
bool is_models_own(const std::string& schedule) {
  constexpr std::array<std::string_view, 3> kNames = {"automatic", "normal", "uniform"};
  return std::ranges::find(kNames, schedule) != kNames.end();
}

bool is_sigmas(std::string_view name) { return std::ranges::find(kSigmas, name) != kSigmas.end(); }

/// The name of a sampler, and the sigmas that are part of it: "DPM++ 2M Karras" of A1111,
/// "dpmpp_2m_k" of InvokeAI. A name that is not known is left as it is.
std::pair<std::string, std::string> split_sampler(const std::string& text) {
  if (const auto name = find_sampler(text)) return {std::string(*name), ""};
  const std::string lower = lower_case(text);
  const auto without = [&](std::string_view ending) {
    return lower.ends_with(ending)
               ? find_sampler(trim(std::string_view(lower).substr(0, lower.size() - ending.size())))
               : std::nullopt;
  };
  for (const std::string_view sigmas : kSigmas) {
    if (const auto name = without(sigmas)) return {std::string(*name), std::string(sigmas)};
  }
  if (const auto name = without("_k")) return {std::string(*name), "karras"};
  return {text, ""};
}

/// Collects values, those of keys that are not wanted aside.
class Values {
 public:
  explicit Values(std::span<const std::string_view> without) : without_(without) {}

  bool wants(std::string_view key) const {
    return std::ranges::find(without_, key) == without_.end();
  }
  void add(std::string_view field, std::string_view key, std::string value) {
    if (wants(key)) values_.push_back({field, key, std::move(value)});
  }
  std::vector<PictureValue> take() { return std::move(values_); }

 private:
  std::span<const std::string_view> without_;
  std::vector<PictureValue> values_;
};

void add_size(Values& values, const std::string& size) {
  if (!values.wants("width") && !values.wants("height")) return;
  const size_t cross = size.find('x');
  SD_CHECK(cross != size.npos, ErrorKind::kUsage, kSize, " expects WIDTHxHEIGHT, found '",
           quotable(size), "'");
  values.add(kSize, "width", size.substr(0, cross));
  values.add(kSize, "height", size.substr(cross + 1));
}

void add_sampler(Values& values, const Infotext& parameters) {
  std::string sigmas = lower_case(parameters.field(kSchedule).value_or(""));
  if (const auto typed = parameters.field(kSampler)) {
    auto [sampler, of_name] = split_sampler(*typed);
    if (!of_name.empty()) sigmas = std::move(of_name);
    values.add(kSampler, "sampler", std::move(sampler));
  }
  if (is_sigmas(sigmas)) values.add(kSchedule, "sigmas", std::move(sigmas));
}

/// Lists of numbers, which have spaces between them there, and commas as keys take them.
void add_lists(Values& values, const Infotext& parameters) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kLists = {
      {{kSkipLayersField, "skip_layers"}, {kCropField, "crop"}}};
  for (const auto& [field, key] : kLists) {
    auto list = parameters.field(field);
    if (!list) continue;
    std::ranges::replace(*list, ' ', ',');
    values.add(field, key, *std::move(list));
  }
}

void add_switches(Values& values, const Infotext& parameters) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kSwitches = {
      {{kBinningField, "resolution_binning"}, {kRoundedTimesField, "rounded_times"}}};
  for (const auto& [field, key] : kSwitches) {
    const auto text = parameters.field(field);
    if (!text || !values.wants(key)) continue;
    values.add(field, key, parse_boolean(field, quotable(*text)) ? "true" : "false");
  }
}

/// A number in the prompt behind a colon and before a parenthesis, as in "(red:1.3)".
bool has_weight(const std::string& prompt) {
  for (size_t at = prompt.find(':'); at != prompt.npos; at = prompt.find(':', at + 1)) {
    const size_t end = prompt.find_first_not_of("0123456789. ", at + 1);
    const std::string_view number =
        trim(std::string_view(prompt).substr(at + 1, std::min(end, prompt.size()) - at - 1));
    if (!number.empty() && end != prompt.npos && prompt[end] == ')') return true;
  }
  return false;
}

/// What other programs find in the prompts.
void add_syntax(std::vector<std::string>& names, const Infotext& text) {
  const auto in_either = [&](const auto& has) {
    return has(text.prompt) || has(text.negative_prompt);
  };
  for (const char* tag : {"<lora:", "<lyco:", "<hypernet:"}) {
    if (in_either([&](const std::string& prompt) { return prompt.find(tag) != prompt.npos; })) {
      names.push_back(std::string(tag) + "...> in the prompt");
    }
  }
  if (in_either(has_weight)) names.emplace_back("weights in the prompt, as in (red:1.3)");
}

}  // namespace

bool has_start(const Infotext& parameters) {
  const bool has_hires_fix = std::ranges::any_of(
      parameters.fields, [](const auto& field) { return is_of_hires_fix(field.first); });
  return parameters.field(kStrength) && !has_hires_fix;
}

bool is_contact_sheet(const Infotext& parameters) {
  constexpr std::array<std::string_view, 3> kAxes = {"X Type", "Y Type", "Z Type"};
  return std::ranges::any_of(
      kAxes, [&](std::string_view axis) { return parameters.field(axis).has_value(); });
}

std::vector<PictureValue> picture_values(const Infotext& parameters,
                                         std::span<const std::string_view> without) {
  Values values(without);
  for (const auto& [field, key] : kPlainFields) {
    if (field == kStrength && !has_start(parameters)) continue;
    if (auto value = parameters.field(field)) values.add(field, key, *std::move(value));
  }
  if (const auto size = parameters.field(kSize)) add_size(values, *size);
  add_sampler(values, parameters);
  const auto skip = parameters.field(kClipSkip);
  if (skip && values.wants("clip_skip")) {  // A1111 counts one more
    const int64_t number = parse_integer(kClipSkip, quotable(*skip), 1, kMaxClipSkip + 1);
    values.add(kClipSkip, "clip_skip", std::to_string(number - 1));
  }
  for (const PromptKey& prompt : kFurtherPrompts) {
    if (auto text = parameters.field(prompt.field)) {
      values.add(prompt.field, prompt.key, *std::move(text));
    }
  }
  add_lists(values, parameters);
  add_switches(values, parameters);
  if (parameters.field(kT5Field) == kNoT5) values.add(kT5Field, "no_t5", "");
  if (parameters.field(kTilingField)) values.add(kTilingField, "vae_tiling", "");
  return values.take();
}

std::vector<std::string> unequalled_fields(const FoundParameters& parameters) {
  const Infotext& text = parameters.text;
  std::vector<std::string> names;
  for (const auto& [field, value] : text.fields) {
    const auto is_this = [&name = field](std::string_view known) { return known == name; };
    const bool is_plain =
        std::ranges::any_of(kPlainFields, [&](const auto& row) { return is_this(row.first); });
    const bool is_prompt = std::ranges::any_of(kFurtherPromptFields, is_this);
    if (is_plain || is_prompt || std::ranges::any_of(kTranslated, is_this)) continue;
    if (field == kT5Field && value == kNoT5) continue;
    if (!std::ranges::any_of(kTelling, is_this)) names.push_back(field);
  }
  const std::string schedule = lower_case(text.field(kSchedule).value_or("automatic"));
  if (!is_sigmas(schedule) && !is_models_own(schedule)) names.emplace_back(kSchedule);
  // A1111 draws noise on the GPU unless it says otherwise.
  const bool is_a1111 = parameters.source == ParameterSource::kA1111;
  const std::string random = lower_case(text.field(kRandom).value_or(is_a1111 ? "gpu" : "cpu"));
  if (random != "cpu") names.emplace_back("noise of another generator than that of the CPU (RNG)");
  if (parameters.source != ParameterSource::kSd) add_syntax(names, text);
  return names;
}

}  // namespace sd
