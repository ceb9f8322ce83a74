#include "jobs/picture_parameters.h"

#include "sd/version.h"

#include "io/infotext.h"
#include "jobs/parse_value.h"
#include "jobs/prompt_keys.h"
#include "jobs/request_limits.h"
#include "jobs/sampler_names.h"

namespace sd {

namespace {

/// "Karras" for "karras", as A1111 writes it.
std::string title(std::string name) {
  if (!name.empty() && name[0] >= 'a' && name[0] <= 'z')
    name[0] = static_cast<char>(name[0] - 'a' + 'A');
  return name;
}

/// As Python prints it, and so A1111.
const char* print_boolean(bool value) { return value ? "True" : "False"; }

/// Of families that keep to a list of sizes, or tell their network of sizes and positions.
void add_sizes(Infotext& text, const Request& request) {
  const auto add = [&](std::string_view key, std::string value) {
    text.fields.emplace_back(key, std::move(value));
  };
  if (request.resolution_binning) add(kBinningField, print_boolean(*request.resolution_binning));
  if (request.original_size) add(kOriginalSizeField, print_size(*request.original_size));
  if (request.target_size) add(kTargetSizeField, print_size(*request.target_size));
  if (request.crop) add(kCropField, print_crop(*request.crop, ' '));
  if (!is_usual_rope_grid(request.rope_grid)) add(kRopeGridField, request.rope_grid);
  if (request.rounded_times) add(kRoundedTimesField, print_boolean(true));
}

}  // namespace

std::string picture_parameters(const Request& request, const Settings& settings,
                               const PictureOrigin& origin) {
  Infotext text{request.prompt, request.negative_prompt, {}};
  const auto add = [&](std::string_view key, std::string value) {
    text.fields.emplace_back(key, std::move(value));
  };
  add("Steps", std::to_string(settings.steps));
  add("Sampler", sampler_display_name(settings.sampler));
  if (!request.sigmas.empty()) add("Schedule type", title(request.sigmas));
  add("CFG scale", print_real(settings.scale));
  add("Seed", std::to_string(request.seed));
  add("Size", std::to_string(settings.width) + "x" + std::to_string(settings.height));
  constexpr size_t kHashDigits = 10;
  if (!origin.model_hash.empty()) add("Model hash", origin.model_hash.substr(0, kHashDigits));
  add("Model", origin.model);
  if (!origin.variant.empty()) add("Variant", origin.variant);
  if (request.init_image || request.init_latents) {
    add("Denoising strength", print_real(settings.strength));
    add(request.init_image ? kInitImageField : kInitLatentsField, origin.start);
  }
  for (const PromptKey& prompt : kFurtherPrompts) {
    const std::string& text_of_its_own = request.*prompt.text;
    if (!text_of_its_own.empty()) add(prompt.field, text_of_its_own);
  }
  if (request.max_sequence_length) {
    add(kSequenceLengthField, std::to_string(*request.max_sequence_length));
  }
  if (request.clip_skip > 0) add("Clip skip", std::to_string(request.clip_skip + 1));
  add("RNG", "CPU");
  if (request.eta > 0) add("Eta", print_real(request.eta));
  if (request.guidance_rescale > 0) add("Guidance rescale", print_real(request.guidance_rescale));
  const SkipLayerGuidance& skip = request.skip_layers;
  if (!skip.layers.empty()) {
    add(kSkipLayersField, print_integers(skip.layers, ' '));
    add(kSkipLayerScaleField, print_real(skip.scale));
    add(kSkipLayerStartField, print_real(skip.start));
    add(kSkipLayerStopField, print_real(skip.stop));
  }
  add_sizes(text, request);
  if (!request.spacing.empty()) add("Timestep spacing", request.spacing);
  if (!request.variance.empty()) add(kVarianceField, request.variance);
  if (origin.vae_tiling) add(kTilingField, print_boolean(true));
  add("Device", settings.device);
  add("Dtype", settings.dtype);
  if (settings.t5 == kNoT5) {
    add(kT5Field, settings.t5);
  } else if (!settings.t5.empty() && settings.t5 != settings.dtype) {
    add(kT5DtypeField, settings.t5);
  }
  add("Version", std::string("sd ") + kVersion);
  return print_infotext(text);
}

}  // namespace sd
