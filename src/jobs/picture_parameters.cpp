#include "jobs/picture_parameters.h"

#include "sd/version.h"

#include "io/infotext.h"
#include "jobs/parse_value.h"
#include "jobs/sampler_names.h"

namespace sd {

std::string picture_parameters(const Request& request, const Settings& settings,
                               const PictureOrigin& origin) {
  Infotext text{request.prompt, request.negative_prompt, {}};
  const auto add = [&](const char* key, std::string value) {
    text.fields.emplace_back(key, std::move(value));
  };
  add("Steps", std::to_string(settings.steps));
  add("Sampler", sampler_display_name(settings.sampler));
  if (request.sigmas == "karras") add("Schedule type", "Karras");
  add("CFG scale", print_real(settings.scale));
  add("Seed", std::to_string(request.seed));
  add("Size", std::to_string(settings.width) + "x" + std::to_string(settings.height));
  constexpr size_t kHashDigits = 10;
  if (!origin.model_hash.empty()) add("Model hash", origin.model_hash.substr(0, kHashDigits));
  add("Model", origin.model);
  if (!origin.variant.empty()) add("Variant", origin.variant);
  if (request.init_image || request.init_latents) {
    add("Denoising strength", print_real(request.strength));
    add(request.init_image ? kInitImageField : kInitLatentsField, origin.start);
  }
  if (request.clip_skip > 0) add("Clip skip", std::to_string(request.clip_skip + 1));
  add("RNG", "CPU");
  if (request.eta > 0) add("Eta", print_real(request.eta));
  if (request.guidance_rescale > 0) add("Guidance rescale", print_real(request.guidance_rescale));
  if (!request.spacing.empty()) add("Timestep spacing", request.spacing);
  if (origin.vae_tiling) add(kTilingField, "True");
  add("Device", settings.device);
  add("Dtype", settings.dtype);
  add("Version", std::string("sd ") + kVersion);
  return print_infotext(text);
}

}  // namespace sd
