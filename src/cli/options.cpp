#include "cli/options.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <stdexcept>
#include <vector>

#include "cli/option_values.h"
#include "core/check.h"
#include "io/utf8.h"
#include "jobs/negative_presets.h"
#include "jobs/output_name.h"
#include "jobs/parse_value.h"
#include "jobs/request_limits.h"
#include "jobs/sampler_names.h"

namespace sd {
namespace {

using namespace takes;
using Options = std::vector<Option>;

constexpr int kMaxThreads = 1024;

constexpr std::string_view kModelsOwn = "the model's own";
constexpr std::string_view kUsualQuality = "95";
static_assert(kDefaultQuality == 95);

constexpr std::array<std::string_view, 3> kDevices = {"auto", "cpu", "cuda"};
constexpr std::array<std::string_view, 4> kDtypes = {"auto", "fp32", "bf16", "fp16"};
constexpr auto kOnExist = [] {
  std::array<std::string_view, kOnExistNames.size()> names;
  std::ranges::transform(kOnExistNames, names.begin(), [](const auto& row) { return row.first; });
  return names;
}();

std::string parse_device(std::string_view flag, const std::string& text) {
  constexpr std::string_view kNumbered = "cuda:";
  std::string name = lower_case(text);
  const bool is_numbered = name.starts_with(kNumbered) && name.size() > kNumbered.size() &&
                           name.size() <= kNumbered.size() + 3 &&
                           name.find_first_not_of("0123456789", kNumbered.size()) == name.npos;
  SD_CHECK(is_numbered || name == "auto" || name == "cpu" || name == "cuda", ErrorKind::kUsage,
           flag, " expects auto, cpu, cuda or cuda:N, found '", text, "'",
           name == "gpu" ? " (did you mean cuda?)" : "");
  return name;
}

/// The names that --format shows; it also takes the second names.
constexpr std::array<std::string_view, 3> kFormats = {"png", "jpg", "webp"};

PictureFormat parse_format(std::string_view flag, const std::string& text) {
  const std::string name = lower_case(text);
  const auto* row =
      std::ranges::find(kFormatNames, name, [](const auto& row) { return row.first; });
  if (row == kFormatNames.end()) parse_choice(flag, text, kFormats);  // which complains
  return row->second;
}

std::string parse_variant(std::string_view flag, const std::string& text) {
  SD_CHECK(!text.empty() && text.find('/') == text.npos, ErrorKind::kUsage, flag,
           " expects the name of a variant such as fp16, found '", text, "'");
  return text;
}

OnExist parse_on_exist(std::string_view flag, const std::string& text) {
  const std::string name = parse_choice(flag, text, kOnExist);
  const auto index = std::ranges::find(kOnExist, name) - kOnExist.begin();
  return kOnExistNames[static_cast<size_t>(index)].second;
}

}  // namespace

std::vector<Option> with_changed(std::span<const Option> options, std::string_view name,
                                 const std::function<void(Option& option)>& change) {
  std::vector<Option> changed(options.begin(), options.end());
  const auto found = std::ranges::find(changed, name, &Option::name);
  if (found == changed.end()) throw std::logic_error("no option " + std::string(name));
  change(*found);
  return changed;
}

// Each row: letter, name, value, help, what it takes, default, second name.

OptionGroup prompt_options() {
  static const Options kOptions = {
      {'p', "prompt", "TEXT", "what the picture shows; may be empty", text(&Arguments::prompt)},
      {'n', "negative-prompt", "TEXT", "what it must not show", text(&Arguments::negative_prompt),
       "empty"},
      {0, "negative-preset", "NAME",
       "in place of --negative-prompt a known one by its name: Tencent's of HunyuanDiT",
       proposing(negative_preset_names(),
                 parsed(&Arguments::negative_preset, print_choices(negative_preset_names()),
                        parse_negative_preset)),
       "none"},
      {0, "prompt-2", "TEXT", "prompt of the second text encoder, where the model has one",
       text(&Request::prompt_2), "as --prompt"},
      {0, "prompt-3", "TEXT", "prompt of the third text encoder, T5, where the model has one",
       text(&Request::prompt_3), "as --prompt"},
      {0, "negative-prompt-2", "TEXT", "what the second text encoder is told not to show",
       text(&Request::negative_prompt_2), "as --negative-prompt"},
      {0, "negative-prompt-3", "TEXT", "what the third text encoder is told not to show",
       text(&Request::negative_prompt_3), "as --negative-prompt"},
      {0, "from-file", "FILE",
       "a prompt from each line of FILE (- for standard input), taken literally; an empty line is "
       "an empty prompt. The whole list is painted once for each --count, line after line",
       path(&Arguments::prompt_file)},
  };
  return {"Prompt", kOptions};
}

OptionGroup sampling_options() {
  static const Options kOptions = {
      {'W', "width", "N", "width in pixels", whole(&Request::width, kMinSide, kMaxSide), kModelsOwn,
       "W"},
      {'H', "height", "N", "height in pixels", whole(&Request::height, kMinSide, kMaxSide),
       kModelsOwn, "H"},
      {0,
       "resolution-binning",
       {},
       "make of width and height the nearest size that the model was trained on, where it has a "
       "list of such (HunyuanDiT)",
       flag(&Request::resolution_binning),
       kModelsOwn},
      {0,
       "no-resolution-binning",
       {},
       "keep width and height as they are",
       flag(&Request::resolution_binning, false)},
      {0, "steps", "N", "denoising steps", whole(&Request::steps, 1, kMaxSteps), kModelsOwn,
       "ddim_steps"},
      {0, "scale", "S", "classifier-free guidance scale; 1 and below: no guidance",
       real(&Request::scale, 0, kMaxScale), kModelsOwn},
      {0, "guidance-rescale", "R", "share of the guided prediction that is rescaled",
       real(&Request::guidance_rescale, 0, 1), "0"},
      {0, "sampler", "NAME",
       "how the noise is taken away; names of other programs work where they mean one of these, "
       "\"DPM++ 2M\" say",
       proposing(sampler_choices(),
                 parsed(&Request::sampler, print_choices(sampler_choices()), parse_sampler)),
       kModelsOwn},
      {0, "eta", "E", "noise of the ddim sampler, from none to as much as ddpm",
       real(&Request::eta, 0, 1), "0", "ddim_eta"},
      {0, "sigmas", "NAME", "noise levels", choice(&Request::sigmas, kSigmas), kModelsOwn},
      {0, "spacing", "NAME", "time steps", choice(&Request::spacing, kSpacings), kModelsOwn},
      {0, "variance", "NAME",
       "variance of the noise of the ddpm sampler; learned_range is the network's, where it "
       "learned "
       "one",
       choice(&Request::variance, kVariances), kModelsOwn},
      {0, "clip-skip", "N",
       "last layers of the CLIP text encoder to leave out, counted as diffusers does",
       whole(&Request::clip_skip, 0, kMaxClipSkip), "0"},
      {0, "max-sequence-length", "N", "tokens of the T5 text encoder, which cuts what is beyond",
       whole(&Request::max_sequence_length, 1, kMaxSequenceLength), kModelsOwn},
      {0, "skip-layers", "LIST",
       "blocks that skip-layer guidance (SD3.5) leaves out, 7,8,9 say; in a part of the steps the "
       "network runs once more without them, and the picture is pushed away from what that gives",
       integers(&SkipLayerGuidance::layers, 0, kMaxLayer), "none"},
      {0, "skip-layer-scale", "S", "how far --skip-layers pushes",
       real(&Arguments::skip_layer_scale, -kMaxScale, kMaxScale), "2.8"},
      {0, "skip-layer-start", "S", "share of the steps after which --skip-layers begins",
       real(&Arguments::skip_layer_start, 0, 1), "0.01"},
      {0, "skip-layer-stop", "S", "share of the steps before which --skip-layers ends",
       real(&Arguments::skip_layer_stop, 0, 1), "0.2"},
      {0, "original-size", "WxH",
       "size that the picture had before it was made smaller: what a network is told that is told "
       "of sizes, 1024x768 say",
       pixel_size(&Request::original_size, kMaxSide), kModelsOwn},
      {0, "target-size", "WxH", "size of the picture that such a network is told",
       pixel_size(&Request::target_size, kMaxSide), "that of the picture"},
      {0, "crop", "TOP,LEFT", "where the picture was cut out, which such a network is told",
       parsed(&Request::crop, concat_text("0 to ", kMaxSide, " each"),
              [](std::string_view flag, const std::string& text) {
                return parse_crop(flag, text, kMaxSide);
              }),
       "0,0"},
      {0, "rope-grid", "NAME",
       "rotary positions of HunyuanDiT: as diffusers has them, or as its original program had",
       choice(&Request::rope_grid, kRopeGrids), kRopeGrids.front()},
      {0,
       "rounded-times",
       {},
       "round times and sizes to --dtype before the network is told of them, as diffusers does",
       flag(&Request::rounded_times)},
  };
  return {"Picture and sampling", kOptions};
}

OptionGroup amount_options() {
  static const Options kOptions = {
      {'s', "seed", "N", "seed of the first image; the next have N+1, N+2, ...",
       parsed(&Arguments::seed, concat_text("0 to ", kMaxSeed), parse_seed),
       "a random one, printed and kept in the picture"},
      {0, "count", "N", "images in all; with --from-file: for each prompt",
       whole(&Arguments::count, 1, kMaxImages), "1"},
      {0, "batch-size", "B",
       "images at once; changes speed and memory, not the noise of any image. On the CPU in fp32 "
       "those of a batch are computed one after another, so that each has the bits that it has "
       "alone",
       whole(&Arguments::batch_size, 1, kMaxBatch), "1"},
  };
  return {"Seed and number", kOptions};
}

OptionGroup init_options() {
  static const Options kOptions = {
      {0, "init-img", "FILE",
       "the picture to start from: PNG, JPEG, BMP, WebP, or GIF (its first frame); - for standard "
       "input. Without -W and -H its size is kept, rounded down to what the model can paint",
       path(&Arguments::init_image)},
      {0, "init-latents", "FILE", "latents that --save-latents wrote, in place of --init-img",
       path(&Arguments::init_latents)},
      {0, "strength", "S", "share of the steps that are run: 0 keeps the picture, 1 forgets it",
       real(&Arguments::strength, 0, 1), "0.8"},
  };
  return {"Start", kOptions};
}

OptionGroup output_options() {
  static const Options kOptions = {
      {'o', "output", "PATH",
       "FILE.png, FILE.jpg or FILE.webp for one image; a folder, or a name with {index} or {seed} "
       "in it, for several; - for standard output; sd --help has the rules",
       path(&Arguments::output), "sd-<seed>.png, never over a file that is there"},
      {0, "outdir", "FOLDER", "the same as --output FOLDER/", path(&Arguments::outdir)},
      {0, "format", "NAME",
       "format of images whose names -o leaves open: in folders, without -o, and on standard "
       "output",
       proposing(kFormats, parsed(&Arguments::format, print_choices(kFormats), parse_format)),
       "png"},
      {0, "quality", "N", "quality of JPEG and WebP; WebP at 100 is without loss, JPEG never is",
       whole(&Arguments::quality, 1, kMaxQuality), kUsualQuality},
      {0, "on-exist", "WHAT",
       "where a file is there already: overwrite it, rename the new one, skip the image, or end "
       "with an error before anything is painted",
       proposing(kOnExist, parsed(&Arguments::on_exist, print_choices(kOnExist), parse_on_exist)),
       "overwrite for one named file, rename without -o, else error"},
      {0, "save-latents", "FILE",
       "the final latents as FILE.safetensors; for several images with {index} or {seed} in its "
       "name",
       path(&Arguments::save_latents)},
      {0, "preview", "N",
       "every N steps write what the picture would be by now, beside it as NAME.preview.png, which "
       "goes when the picture is there; each costs a decoding",
       whole(&Request::preview_every, 1, kMaxSteps), "none"},
  };
  return {"Output", kOptions};
}

OptionGroup model_options() {
  static const Options kOptions = {
      {'m', "model", "PATH|NAME",
       "a folder in diffusers layout, the name of one in $SD_MODELS or of one that comes with sd, "
       "or ORG/NAME in the Hugging Face cache",
       path(&LoadOptions::model), "shapes-sd1, a small model that comes with sd"},
      {0, "variant", "NAME", "weight files of that variant, fp16 say",
       parsed(&LoadOptions::variant, "", parse_variant), "the plain ones"},
      {0, "device", "NAME", "where to compute",
       proposing(kDevices, parsed(&LoadOptions::device, "auto, cpu, cuda or cuda:N", parse_device)),
       "auto"},
      {0, "dtype", "NAME",
       "numbers to compute with; pixels equal those of diffusers to 1/255 only with fp32",
       choice(&LoadOptions::dtype, kDtypes), "auto"},
      {0,
       "no-t5",
       {},
       "do without the T5 text encoder, the largest part of SD3, where the model can",
       flag(&LoadOptions::no_t5)},
      {0, "t5-dtype", "NAME", "numbers to compute with in the T5 text encoder",
       choice(&LoadOptions::t5_dtype, kDtypes), "as --dtype"},
      {0, "threads", "N", "CPU threads; 0: as many as there are cores",
       whole(&LoadOptions::threads, 0, kMaxThreads), "0"},
      {0,
       "low-memory",
       {},
       "one network on the device at a time, freed after use",
       flag(&LoadOptions::low_memory)},
      {0, "vae-tiling", {}, "encode and decode in tiles", flag(&LoadOptions::vae_tiling)},
      {0, "vae-slicing", {}, "decode one image at a time", flag(&LoadOptions::vae_slicing)},
  };
  return {"Model and placement", kOptions};
}

OptionGroup message_options() {
  static const Options kOptions = {
      {'q', "quiet", {}, "print only results and errors", flag(&Arguments::quiet)},
      {'v',
       "verbose",
       {},
       "print more: sizes, steps really run, seconds",
       flag(&Arguments::verbose)},
      {0,
       "json",
       {},
       "on standard output a JSON object on one line for each image, in place of its path; sd "
       "--help has its keys",
       flag(&Arguments::json)},
      {0, "no-color", {}, "no colours on the terminal (as $NO_COLOR)", flag(&Arguments::no_color)},
      {0, "log-file", "FILE",
       "append all messages to FILE with the time of each, be they printed or not: those of -v too",
       path(&Arguments::log_file)},
      {'h', "help", {}, "print this help", flag(&Arguments::help)},
      {'V',
       "version",
       {},
       "print the versions of sd and of what it is built with",
       flag(&Arguments::version)},
  };
  return {"Messages", kOptions};
}

}  // namespace sd
