#include "jobs/job_keys.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "core/check.h"
#include "jobs/job_text.h"
#include "jobs/negative_presets.h"
#include "jobs/parse_value.h"
#include "jobs/prompt_keys.h"
#include "jobs/request_limits.h"
#include "jobs/sampler_names.h"

namespace sd {
namespace {

using Json = nlohmann::ordered_json;

/// A key, the kinds of its JSON values, and how a job keeps it.
struct Row {
  JobKey key;
  std::vector<ValueKind> kinds;
  std::function<void(Job& job, std::string_view typed, const std::string& text)> set;
  std::function<Json(const Job& job)> get;  ///< null where it says nothing
};

/// That field of the job, of the request in it, or of its skip-layer guidance.
template <typename Work, typename Owner, typename Field>
auto& field_of(Work& job, Field Owner::*field) {
  if constexpr (std::is_same_v<Owner, Request>) {
    return job.request.*field;
  } else if constexpr (std::is_same_v<Owner, SkipLayerGuidance>) {
    return job.request.skip_layers.*field;
  } else {
    return job.*field;
  }
}

template <typename T>
Json as_json(const T& value) {
  return value;
}
Json as_json(const PixelSize& size) { return print_size(size); }
Json as_json(const CropCorner& corner) { return Json::array({corner.top, corner.left}); }
template <typename T>
Json as_json(const std::optional<T>& value) {
  return value ? as_json(*value) : Json(nullptr);
}

/// A row that stores what `parse`(typed, text) returns.
template <typename Owner, typename Field, typename Parse>
Row row(ValueKind kind, JobKey key, Field Owner::*field, Parse parse) {
  static const Job kEmpty;
  return {std::move(key),
          {kind},
          [=](Job& job, std::string_view typed, const std::string& text) {
            field_of(job, field) = parse(typed, text);
          },
          [=](const Job& job) {
            const Field& value = field_of(job, field);
            return value == field_of(kEmpty, field) ? Json(nullptr) : as_json(value);
          }};
}

// These parsers quote what they refuse; nothing that they take is changed by quotable().

template <typename Owner, typename Field>
Row whole(JobKey key, Field Owner::*field, int low, int high) {
  key.takes = "a whole number from " + print_range(int64_t{low}, int64_t{high});
  return row(ValueKind::kNumber, std::move(key), field,
             [=](std::string_view typed, const std::string& text) {
               return static_cast<int>(parse_integer(typed, quotable(text), low, high));
             });
}

template <typename Owner, typename Field>
Row real(JobKey key, Field Owner::*field, double low, double high) {
  key.takes = "a number from " + print_range(low, high);
  return row(ValueKind::kNumber, std::move(key), field,
             [=](std::string_view typed, const std::string& text) {
               return parse_real(typed, quotable(text), low, high);
             });
}

template <typename Field>
Row yes_or_no(JobKey key, Field Request::*field) {
  key.takes = "true or false";
  return row(ValueKind::kBoolean, std::move(key), field,
             [](std::string_view typed, const std::string& text) {
               return parse_boolean(typed, quotable(text));
             });
}

Row pixel_size(JobKey key, std::optional<PixelSize> Request::*field) {
  key.takes = concat_text("WIDTHxHEIGHT, sides from 1 to ", kMaxSide);
  return row(ValueKind::kText, std::move(key), field,
             [](std::string_view typed, const std::string& text) {
               return parse_size(typed, quotable(text), kMaxSide);
             });
}

Row choice(JobKey key, std::string Request::*field, std::span<const std::string_view> names) {
  key.takes = print_choices(names);
  return row(ValueKind::kText, std::move(key), field,
             [=](std::string_view typed, const std::string& text) {
               return parse_choice(typed, quotable(text), names);
             });
}

std::string parse_words(std::string_view typed, const std::string& text) {
  SD_CHECK(text.find('\0') == text.npos, ErrorKind::kUsage, typed,
           " expects text, found a NUL character in it");
  return parse_text(typed, text);
}

Row words(const PromptKey& prompt, std::string_view help) {
  return row(ValueKind::kText, {.name = prompt.key, .help = help, .takes = "a text"}, prompt.text,
             parse_words);
}

std::string parse_name(std::string_view typed, const std::string& text) {
  return parse_path(typed, parse_words(typed, text));
}

Row name(JobKey key, std::string Job::*field, std::string takes) {
  key.takes = std::move(takes);
  return row(ValueKind::kText, std::move(key), field, parse_name);
}

/// What a job starts from, in place of the other thing.
Row start(JobKey key, std::string Job::*field, std::string Job::*other) {
  Row made = name(std::move(key), field, "the name of a file");
  made.set = [=](Job& job, std::string_view typed, const std::string& text) {
    SD_CHECK(text != "-", ErrorKind::kUsage, typed,
             " expects the name of a file, found '-': a job cannot start from standard input");
    job.*field = parse_name(typed, text);
    (job.*other).clear();
  };
  return made;
}

Row prompt() {
  Row made = words(kPromptKeys[0], "what the picture shows; may be empty");
  made.get = [](const Job& job) { return Json(job.request.prompt); };
  return made;
}

Row sampler() {
  return row(ValueKind::kText,
             {.name = "sampler",
              .help = "how the noise is taken away",
              .takes = print_choices(sampler_choices()),
              .other_names = {"sampler_name"}},
             &Request::sampler, [](std::string_view typed, const std::string& text) {
               return parse_sampler(typed, quotable(text));
             });
}

Row seed() {
  const auto parse = [](std::string_view typed, const std::string& text) {
    return text == "-1" ? std::nullopt : std::optional<uint64_t>(parse_seed(typed, quotable(text)));
  };
  return row(ValueKind::kNumber,
             {.name = "seed",
              .help = "seed of the first image, the next have one more each; -1: as without it",
              .takes = concat_text("a whole number from 0 to ", kMaxSeed)},
             &Job::seed, parse);
}

Row strength() {
  Row made = real({.name = "strength",
                   .help = "share of the steps that are run from init_img or init_latents",
                   .other_names = {"denoising_strength"}},
                  &Request::strength, 0, 1);
  made.get = [](const Job& job) {
    const bool starts = !job.init_image.empty() || !job.init_latents.empty();
    return starts && job.request.strength ? Json(*job.request.strength) : Json(nullptr);
  };
  return made;
}

Row skip_layers() {
  return row(ValueKind::kList,
             {.name = "skip_layers",
              .help = "skip-layer guidance of SD3.5: numbers of the blocks that it leaves out",
              .takes = concat_text("whole numbers from 0 to ", kMaxLayer,
                                   " with commas between, in JSON a list of them, or none"),
              .other_names = {"skip_guidance_layers"}},
             &SkipLayerGuidance::layers, [](std::string_view typed, const std::string& text) {
               return parse_integers(typed, text, 0, kMaxLayer);
             });
}

Row crop() {
  Row made =
      row(ValueKind::kText,
          {.name = "crop",
           .help = "top and left of the picture in the original_size that the network is told of",
           .takes = concat_text("TOP,LEFT, two whole numbers from 0 to ", kMaxSide,
                                ", in JSON also a list of them"),
           .other_names = {"crops_coords_top_left"}},
          &Request::crop, [](std::string_view typed, const std::string& text) {
            return parse_crop(typed, text, kMaxSide);
          });
  made.kinds.push_back(ValueKind::kList);
  return made;
}

/// The name of a text, which is what a job keeps.
Row negative_preset() {
  return {{.name = "negative_preset",
           .help = "in place of negative_prompt the name of a known one: Tencent's of HunyuanDiT",
           .takes = print_choices(negative_preset_names())},
          {ValueKind::kText},
          [](Job& job, std::string_view typed, const std::string& text) {
            job.request.negative_prompt = parse_negative_preset(typed, quotable(text));
          },
          [](const Job&) { return Json(nullptr); }};
}

/// What says something beside skip_layers alone.
Row skip_layer(JobKey key, double SkipLayerGuidance::*field, double low, double high) {
  Row made = real(std::move(key), field, low, high);
  made.get = [field](const Job& job) {
    const SkipLayerGuidance& guidance = job.request.skip_layers;
    return guidance.layers.empty() ? Json(nullptr) : Json(guidance.*field);
  };
  return made;
}

const std::vector<Row>& rows() {
  static const std::vector<Row> kRows = {
      prompt(),
      words(kPromptKeys[1], "what it must not show"),
      negative_preset(),
      words(kFurtherPrompts[0], "prompt of the second text encoder; without it prompt"),
      words(kFurtherPrompts[1], "prompt of the third text encoder, T5; without it prompt"),
      words(kFurtherPrompts[2], "as prompt_2; without it negative_prompt"),
      words(kFurtherPrompts[3], "as prompt_3; without it negative_prompt"),
      whole({.name = "max_sequence_length",
             .help = "tokens of the T5 text encoder, which cuts what is beyond"},
            &Request::max_sequence_length, 1, kMaxSequenceLength),
      whole({.name = "width", .help = "width in pixels", .other_names = {"W"}}, &Request::width,
            kMinSide, kMaxSide),
      whole({.name = "height", .help = "height in pixels", .other_names = {"H"}}, &Request::height,
            kMinSide, kMaxSide),
      yes_or_no({.name = "resolution_binning",
                 .help = "whether the size becomes the nearest one that the model was trained on",
                 .other_names = {"use_resolution_binning"}},
                &Request::resolution_binning),
      pixel_size(
          {.name = "original_size",
           .help = "size that the picture had before it was made smaller, as the network is told"},
          &Request::original_size),
      pixel_size({.name = "target_size", .help = "size of the picture that the network is told"},
                 &Request::target_size),
      crop(),
      choice({.name = "rope_grid",
              .help = "rotary positions as diffusers has them, or the model's original program"},
             &Request::rope_grid, kRopeGrids),
      yes_or_no({.name = "rounded_times",
                 .help = "whether times and sizes are rounded to the dtype, as in diffusers"},
                &Request::rounded_times),
      whole({.name = "steps",
             .help = "denoising steps",
             .other_names = {"ddim_steps", "num_inference_steps"}},
            &Request::steps, 1, kMaxSteps),
      real({.name = "scale",
            .help = "classifier-free guidance scale; 1 and below: no guidance",
            .other_names = {"cfg_scale", "guidance_scale"}},
           &Request::scale, 0, kMaxScale),
      real({.name = "guidance_rescale", .help = "share of the guided prediction that is rescaled"},
           &Request::guidance_rescale, 0, 1),
      skip_layers(),
      skip_layer({.name = "skip_layer_scale",
                  .help = "how far skip-layer guidance pushes the picture away from what comes "
                          "without those blocks",
                  .other_names = {"skip_layer_guidance_scale"}},
                 &SkipLayerGuidance::scale, -kMaxScale, kMaxScale),
      skip_layer({.name = "skip_layer_start",
                  .help = "share of the steps after which it begins",
                  .other_names = {"skip_layer_guidance_start"}},
                 &SkipLayerGuidance::start, 0, 1),
      skip_layer({.name = "skip_layer_stop",
                  .help = "share of the steps before which it ends",
                  .other_names = {"skip_layer_guidance_stop"}},
                 &SkipLayerGuidance::stop, 0, 1),
      sampler(),
      choice({.name = "sigmas", .help = "noise levels"}, &Request::sigmas, kSigmas),
      choice({.name = "spacing", .help = "time steps"}, &Request::spacing, kSpacings),
      real({.name = "eta", .help = "noise of the ddim sampler", .other_names = {"ddim_eta"}},
           &Request::eta, 0, 1),
      choice({.name = "variance",
              .help = "variance of the noise of the ddpm sampler",
              .other_names = {"variance_type"}},
             &Request::variance, kVariances),
      seed(),
      whole({.name = "clip_skip", .help = "last layers of the CLIP text encoder to leave out"},
            &Request::clip_skip, 0, kMaxClipSkip),
      start({.name = "init_img",
             .help = "the picture to start from; in a job file relative to its folder",
             .other_names = {"init_image"}},
            &Job::init_image, &Job::init_latents),
      start({.name = "init_latents", .help = "latents in place of init_img"}, &Job::init_latents,
            &Job::init_image),
      strength(),
      whole({.name = "count", .help = "images of this job", .other_names = {"n_samples", "n_iter"}},
            &Job::count, 1, kMaxImages),
      name({.name = "model", .help = "as --model takes it", .other_names = {"sd_model"}},
           &Job::model, "the name or folder of a model"),
      name({.name = "output", .help = "name of its images in the folder of -o, or a pattern"},
           &Job::output, "the name of a file"),
  };
  return kRows;
}

/// A value of a kind that the key does not take, as a message shows it.
std::string print_value(const JobValue& value) {
  if (value.kind == ValueKind::kList) return "a list";
  return value.kind == ValueKind::kText ? "\"" + quotable(value.text) + "\"" : quotable(value.text);
}

}  // namespace

std::span<const JobKey> job_keys() {
  static const std::vector<JobKey> kKeys = [] {
    std::vector<JobKey> keys;
    for (const Row& row : rows()) keys.push_back(row.key);
    return keys;
  }();
  return kKeys;
}

void set_job_value(Job& job, size_t key, std::string_view typed, const JobValue& value) {
  const Row& row = rows()[key];
  const bool is_taken =
      value.kind == ValueKind::kBare || std::ranges::find(row.kinds, value.kind) != row.kinds.end();
  SD_CHECK(is_taken, ErrorKind::kUsage, typed, " expects ", row.key.takes, ", found ",
           print_value(value));
  row.set(job, typed, value.text);
}

void set_job_value(Job& job, std::string_view key, const std::string& text) {
  set_job_value(job, parse_job_key(key), key, {ValueKind::kBare, text});
}

JobValue list_value(const nlohmann::json& list) {
  if (list.empty()) return {ValueKind::kList, "none"};
  if (std::ranges::any_of(list, &nlohmann::json::is_structured))
    return {ValueKind::kOther, "a list of lists or objects"};
  std::string text = list.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return {ValueKind::kList, text.substr(1, text.size() - 2)};
}

void set_job_json(Job& job, std::string_view key, const nlohmann::json& value) {
  const size_t index = parse_job_key(key);
  if (value.is_null()) return;
  set_job_value(job, index, key,
                value.is_string()    ? JobValue{ValueKind::kText, value.get<std::string>()}
                : value.is_number()  ? JobValue{ValueKind::kNumber, value.dump()}
                : value.is_boolean() ? JobValue{ValueKind::kBoolean, value.dump()}
                : value.is_array()   ? list_value(value)
                                     : JobValue{ValueKind::kOther, "an object"});
}

std::string print_job(const Job& job) {
  Json object = Json::object();
  for (const Row& row : rows()) {
    Json value = row.get(job);
    if (!value.is_null()) object[std::string(row.key.name)] = std::move(value);
  }
  return object.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

}  // namespace sd
