#include "cli/image_report.h"

#include <nlohmann/json.hpp>

namespace sd {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSchema = 1;

/// On one line; bytes of a file name that are no UTF-8 become U+FFFD.
std::string print_line(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string image_report(const std::filesystem::path& file, int index, const Request& request,
                         const Painted& painted, const std::string& model_name) {
  const Settings& settings = painted.settings;
  Json object = {{"schema", kSchema},        {"file", file.string()},
                 {"index", index},           {"seed", request.seed},
                 {"prompt", request.prompt}, {"negative_prompt", request.negative_prompt},
                 {"model", model_name}};
  object["settings"] = {{"width", settings.width},
                        {"height", settings.height},
                        {"steps", settings.steps},
                        {"scale", settings.scale},
                        {"guidance_rescale", request.guidance_rescale},
                        {"sampler", settings.sampler},
                        {"sigmas", request.sigmas},
                        {"spacing", request.spacing},
                        {"eta", request.eta},
                        {"clip_skip", request.clip_skip},
                        {"prediction_type", settings.prediction_type},
                        {"timesteps", settings.timesteps},
                        {"device", settings.device},
                        {"dtype", settings.dtype}};
  if (request.init_image || request.init_latents) {
    object["settings"]["strength"] = request.strength;
  }
  object["timings"] = {{"encode", painted.timings.encode},
                       {"denoise", painted.timings.denoise},
                       {"decode", painted.timings.decode}};
  return print_line(object);
}

std::string failure_report(int index, const Request& request, const std::string& error) {
  return print_line({{"schema", kSchema},
                     {"file", nullptr},
                     {"index", index},
                     {"seed", request.seed},
                     {"prompt", request.prompt},
                     {"error", error}});
}

}  // namespace sd
