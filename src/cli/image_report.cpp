#include "cli/image_report.h"

#include <array>
#include <nlohmann/json.hpp>

#include "jobs/parse_value.h"

namespace sd {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSchema = 1;

struct Facts {
  int64_t index;
  const Request& request;
  const std::filesystem::path* file = nullptr;
  const Painted* painted = nullptr;  ///< nullptr: the image failed
  PictureOrigin origin = {};
  std::string error = {};
};

/// In which lines a key is.
enum class In { kAll, kMade, kFailed, kMadeFromPicture };

struct Key {
  std::string_view name;  ///< with the name of the object that it is in, if any: "settings.width"
  In in;
  Json (*value)(const Facts& facts);
  std::string_view meaning;
};

Json size_or_null(const std::optional<PixelSize>& size) {
  return size ? Json(print_size(*size)) : Json(nullptr);
}

const std::array kKeys = {
    Key{"schema", In::kAll, [](const Facts&) -> Json { return kSchema; },
        "1; with this number keys may be added, but none goes or changes"},
    Key{"file", In::kAll,
        [](const Facts& facts) -> Json {
          return facts.file && !facts.file->empty() ? Json(facts.file->string()) : Json(nullptr);
        },
        "path of the picture; null where the image failed, and with --skip_save"},
    Key{"index", In::kAll, [](const Facts& facts) -> Json { return facts.index; },
        "number of the image, from 0"},
    Key{"seed", In::kAll, [](const Facts& facts) -> Json { return facts.request.seed; },
        "its seed, up to 2^64-1"},
    Key{"prompt", In::kAll, [](const Facts& facts) -> Json { return facts.request.prompt; },
        "its text"},
    Key{"error", In::kFailed, [](const Facts& facts) -> Json { return facts.error; },
        "why it failed; this key alone tells that it did"},
    Key{"negative_prompt", In::kMade,
        [](const Facts& facts) -> Json { return facts.request.negative_prompt; }, "as given"},
    Key{"prompt_2", In::kMade, [](const Facts& facts) -> Json { return facts.request.prompt_2; },
        "that of the second text encoder; empty: as prompt"},
    Key{"prompt_3", In::kMade, [](const Facts& facts) -> Json { return facts.request.prompt_3; },
        "that of the third text encoder; empty: as prompt"},
    Key{"negative_prompt_2", In::kMade,
        [](const Facts& facts) -> Json { return facts.request.negative_prompt_2; },
        "empty: as negative_prompt"},
    Key{"negative_prompt_3", In::kMade,
        [](const Facts& facts) -> Json { return facts.request.negative_prompt_3; },
        "empty: as negative_prompt"},
    Key{"model", In::kMade, [](const Facts& facts) -> Json { return facts.origin.model; },
        "name of the model"},
    Key{"model_hash", In::kMade,
        [](const Facts& facts) -> Json {
          return facts.origin.model_hash.empty() ? Json(nullptr) : Json(facts.origin.model_hash);
        },
        "SHA-256 of the denoising network's files; null where they could not be read"},
    Key{"settings.width", In::kMade,
        [](const Facts& facts) -> Json { return facts.painted->settings.width; },
        "pixels of the picture: maybe not as asked for, where the model keeps to a list of sizes"},
    Key{"settings.height", In::kMade,
        [](const Facts& facts) -> Json { return facts.painted->settings.height; }, "likewise"},
    Key{"settings.steps", In::kMade,
        [](const Facts& facts) -> Json { return facts.painted->settings.steps; },
        "as asked for or the model's own"},
    Key{"settings.scale", In::kMade,
        [](const Facts& facts) -> Json { return facts.painted->settings.scale; }, "guidance scale"},
    Key{"settings.guidance_rescale", In::kMade,
        [](const Facts& facts) -> Json { return facts.request.guidance_rescale; }, "as given"},
    Key{"settings.max_sequence_length", In::kMade,
        [](const Facts& facts) -> Json {
          const std::optional<int>& length = facts.request.max_sequence_length;
          return length ? Json(*length) : Json(nullptr);
        },
        "tokens of the T5 text encoder as given; null: the model's own"},
    Key{"settings.skip_layers", In::kMade,
        [](const Facts& facts) -> Json { return facts.request.skip_layers.layers; },
        "a list: numbers of the blocks that skip-layer guidance left out; empty: there was none"},
    Key{"settings.skip_layer_scale", In::kMade,
        [](const Facts& facts) -> Json { return facts.request.skip_layers.scale; },
        "as given; counts with skip_layers alone"},
    Key{"settings.skip_layer_start", In::kMade,
        [](const Facts& facts) -> Json { return facts.request.skip_layers.start; },
        "likewise"},
    Key{"settings.skip_layer_stop", In::kMade,
        [](const Facts& facts) -> Json { return facts.request.skip_layers.stop; },
        "likewise"},
    Key{"settings.resolution_binning", In::kMade,
        [](const Facts& facts) -> Json {
          const std::optional<bool>& binning = facts.request.resolution_binning;
          return binning ? Json(*binning) : Json(nullptr);
        },
        "true or false as given; null: the model's own"},
    Key{"settings.original_size", In::kMade,
        [](const Facts& facts) -> Json { return size_or_null(facts.request.original_size); },
        "WIDTHxHEIGHT as given; null: the model's own"},
    Key{"settings.target_size", In::kMade,
        [](const Facts& facts) -> Json { return size_or_null(facts.request.target_size); },
        "likewise"},
    Key{"settings.crop", In::kMade,
        [](const Facts& facts) -> Json {
          const std::optional<CropCorner>& crop = facts.request.crop;
          return crop ? Json::array({crop->top, crop->left}) : Json(nullptr);
        },
        "a list, top and left, as given; null: the model's own"},
    Key{"settings.rope_grid", In::kMade,
        [](const Facts& facts) -> Json { return facts.request.rope_grid; },
        "as given; empty: as diffusers"},
    Key{"settings.rounded_times", In::kMade,
        [](const Facts& facts) -> Json { return facts.request.rounded_times; }, "true or false"},
    Key{"settings.sampler", In::kMade,
        [](const Facts& facts) -> Json { return facts.painted->settings.sampler; },
        "a name that --sampler takes"},
    Key{"settings.sigmas", In::kMade,
        [](const Facts& facts) -> Json { return facts.request.sigmas; },
        "as given; empty: the model's own"},
    Key{"settings.spacing", In::kMade,
        [](const Facts& facts) -> Json { return facts.request.spacing; },
        "as given; empty: the model's own"},
    Key{"settings.variance", In::kMade,
        [](const Facts& facts) -> Json { return facts.request.variance; },
        "as given; empty: the model's own"},
    Key{"settings.eta", In::kMade, [](const Facts& facts) -> Json { return facts.request.eta; },
        "as given"},
    Key{"settings.clip_skip", In::kMade,
        [](const Facts& facts) -> Json { return facts.request.clip_skip; }, "as given"},
    Key{"settings.prediction_type", In::kMade,
        [](const Facts& facts) -> Json { return facts.painted->settings.prediction_type; },
        "what the network predicts: epsilon, v_prediction, sample or flow"},
    Key{"settings.timesteps", In::kMade,
        [](const Facts& facts) -> Json { return facts.painted->settings.timesteps; },
        "a list: the time step of each call of the network"},
    Key{"settings.device", In::kMade,
        [](const Facts& facts) -> Json { return facts.painted->settings.device; },
        "where it was computed, cpu or cuda:0 say"},
    Key{"settings.dtype", In::kMade,
        [](const Facts& facts) -> Json { return facts.painted->settings.dtype; },
        "numbers it was computed with: fp32, bf16 or fp16"},
    Key{"settings.t5", In::kMade,
        [](const Facts& facts) -> Json {
          const std::string& t5 = facts.painted->settings.t5;
          return t5.empty() ? Json(nullptr) : Json(t5);
        },
        "dtype of the T5 text encoder, none where it was left out; null where the model has none"},
    Key{"settings.strength", In::kMadeFromPicture,
        [](const Facts& facts) -> Json { return facts.painted->settings.strength; }, "img2img"},
    Key{"timings.encode", In::kMade,
        [](const Facts& facts) -> Json { return facts.painted->timings.encode; },
        "seconds for texts and input picture of the batch that the image was in"},
    Key{"timings.denoise", In::kMade,
        [](const Facts& facts) -> Json { return facts.painted->timings.denoise; },
        "seconds for the steps of that batch"},
    Key{"timings.decode", In::kMade,
        [](const Facts& facts) -> Json { return facts.painted->timings.decode; },
        "seconds for its latents to become pixels"},
};

bool is_in(const Key& key, const Facts& facts) {
  switch (key.in) {
    case In::kAll: return true;
    case In::kMade: return facts.painted != nullptr;
    case In::kFailed: return facts.painted == nullptr;
    case In::kMadeFromPicture:
      return facts.painted && (facts.request.init_image || facts.request.init_latents);
  }
  return false;
}

/// The keys of the line for a grid, which has none of those above but schema.
constexpr std::array kGridKeys = {
    HelpRow{"grid", "path of the grid, in a line of its own after those of the images"},
    HelpRow{"images", "how many pictures it shows"},
};

std::string dump(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// On one line; bytes of a file name that are no UTF-8 become U+FFFD.
std::string print_line(const Facts& facts) {
  Json object;
  for (const Key& key : kKeys) {
    if (!is_in(key, facts)) continue;
    const std::string name(key.name);
    const size_t point = name.find('.');
    Json& place =
        point == name.npos ? object[name] : object[name.substr(0, point)][name.substr(point + 1)];
    place = key.value(facts);
  }
  return dump(object);
}

}  // namespace

std::string image_report(const std::filesystem::path& file, int64_t index, const Request& request,
                         const Painted& painted, const PictureOrigin& origin) {
  return print_line({index, request, &file, &painted, origin});
}

std::string failure_report(int64_t index, const Request& request, const std::string& error) {
  Facts facts{index, request};
  facts.error = error;
  return print_line(facts);
}

std::string grid_report(const std::filesystem::path& file, int images) {
  return dump({{"schema", kSchema}, {"grid", file.string()}, {"images", images}});
}

std::vector<HelpRow> report_keys() {
  std::vector<HelpRow> rows;
  for (const Key& key : kKeys) rows.push_back({key.name, key.meaning});
  rows.insert(rows.end(), kGridKeys.begin(), kGridKeys.end());
  return rows;
}

}  // namespace sd
