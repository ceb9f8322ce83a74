#include "cli/options.h"

#include <algorithm>
#include <array>

#include "cli/parse_value.h"
#include "cli/sampler_names.h"
#include "core/check.h"
#include "io/output_name.h"

namespace sd {
namespace {

using Text = const std::string&;
using Flag = std::string_view;

constexpr int kMinSide = 8;  // the smallest factor of an autoencoder, in pixels
constexpr int kMaxSide = 16384;
constexpr int kMaxSteps = 1000;  // as many as any model was trained with
constexpr int kMaxImages = 1000000;
constexpr int kMaxBatch = 4096;
constexpr int kMaxScale = 1000;
constexpr int kMaxThreads = 1024;
constexpr int kMaxClipSkip = 31;  // the largest CLIP text encoder has 32 layers

constexpr std::string_view kModelsOwn = "the model's own";

int parse_int(Flag flag, Text text, int low, int high) {
  return static_cast<int>(parse_integer(flag, text, low, high));
}

std::string parse_sampler(Flag flag, Text text) {
  std::string name = text;
  std::ranges::replace(name, '-', '_');
  return parse_choice(flag, name, sampler_choices());
}

std::string parse_spacing(Flag flag, Text text) {
  constexpr std::array<std::string_view, 3> kSpacings = {"leading", "linspace", "trailing"};
  return parse_choice(flag, text, kSpacings);
}

std::string parse_sigmas(Flag flag, Text text) {
  constexpr std::array<std::string_view, 1> kSigmas = {"karras"};
  return parse_choice(flag, text, kSigmas);
}

std::string parse_dtype(Flag flag, Text text) {
  constexpr std::array<std::string_view, 4> kDtypes = {"auto", "fp32", "bf16", "fp16"};
  return parse_choice(flag, text, kDtypes);
}

std::string parse_device(Flag flag, Text text) {
  constexpr std::string_view kNumbered = "cuda:";
  const bool is_numbered = text.starts_with(kNumbered) && text.size() > kNumbered.size() &&
                           text.size() <= kNumbered.size() + 3 &&
                           text.find_first_not_of("0123456789", kNumbered.size()) == text.npos;
  SD_CHECK(is_numbered || text == "auto" || text == "cpu" || text == "cuda", ErrorKind::kUsage,
           flag, " expects auto, cpu, cuda or cuda:N, found '", text, "'");
  return text;
}

std::string parse_variant(Flag flag, Text text) {
  SD_CHECK(!text.empty() && text.find('/') == text.npos, ErrorKind::kUsage, flag,
           " expects the name of a variant such as fp16, found '", text, "'");
  return text;
}

constexpr std::array kPromptOptions = {
    Option{.letter = 'p',
           .name = "prompt",
           .value = "TEXT",
           .help = "what the picture shows; may be empty",
           .set = [](Arguments& a, Flag flag, Text text) { a.prompt = parse_text(flag, text); }},
    Option{.letter = 'n',
           .name = "negative-prompt",
           .value = "TEXT",
           .help = "what it must not show",
           .standard = "empty",
           .set = [](Arguments& a, Flag flag,
                     Text text) { a.request.negative_prompt = parse_text(flag, text); }},
    Option{
        .name = "from-file",
        .value = "FILE",
        .help = "a prompt from each line of FILE (- for standard input), taken literally; an "
                "empty line is an empty prompt. The whole list is painted once for each "
                "--count, so image i takes line i modulo the number of lines",
        .set = [](Arguments& a, Flag flag, Text text) { a.prompt_file = parse_path(flag, text); }},
};

constexpr std::array kSamplingOptions = {
    Option{.letter = 'W',
           .name = "width",
           .alias = "W",
           .value = "N",
           .help = "width in pixels",
           .standard = "the model's own; for img2img the input picture's",
           .set = [](Arguments& a, Flag flag,
                     Text text) { a.request.width = parse_int(flag, text, kMinSide, kMaxSide); }},
    Option{.letter = 'H',
           .name = "height",
           .alias = "H",
           .value = "N",
           .help = "height in pixels",
           .standard = "the model's own; for img2img the input picture's",
           .set = [](Arguments& a, Flag flag,
                     Text text) { a.request.height = parse_int(flag, text, kMinSide, kMaxSide); }},
    Option{.name = "steps",
           .alias = "ddim_steps",
           .value = "N",
           .help = "denoising steps",
           .standard = kModelsOwn,
           .set = [](Arguments& a, Flag flag,
                     Text text) { a.request.steps = parse_int(flag, text, 1, kMaxSteps); }},
    Option{.name = "scale",
           .value = "S",
           .help = "classifier-free guidance scale; 1 and below: no guidance",
           .standard = kModelsOwn,
           .set = [](Arguments& a, Flag flag,
                     Text text) { a.request.scale = parse_real(flag, text, 0, kMaxScale); }},
    Option{.name = "guidance-rescale",
           .value = "R",
           .help = "share of the guided prediction that is rescaled, 0 to 1",
           .standard = "0",
           .set = [](Arguments& a, Flag flag,
                     Text text) { a.request.guidance_rescale = parse_real(flag, text, 0, 1); }},
    Option{.name = "sampler",
           .value = "NAME",
           .help = "ddim, plms, pndm, ddpm, euler, euler_a, heun, dpmpp_2m, unipc or lcm",
           .standard = kModelsOwn,
           .set = [](Arguments& a, Flag flag,
                     Text text) { a.request.sampler = parse_sampler(flag, text); }},
    Option{.name = "plms",
           .help = "the same as --sampler plms",
           .set = [](Arguments& a, Flag, Text) { a.request.sampler = "plms"; }},
    Option{.name = "eta",
           .alias = "ddim_eta",
           .value = "E",
           .help = "noise of the ddim sampler, 0 (none) to 1 (as ddpm)",
           .standard = "0",
           .set = [](Arguments& a, Flag flag,
                     Text text) { a.request.eta = parse_real(flag, text, 0, 1); }},
    Option{.name = "sigmas",
           .value = "NAME",
           .help = "noise levels: karras",
           .standard = kModelsOwn,
           .set = [](Arguments& a, Flag flag,
                     Text text) { a.request.sigmas = parse_sigmas(flag, text); }},
    Option{.name = "spacing",
           .value = "NAME",
           .help = "time steps: leading, linspace or trailing",
           .standard = kModelsOwn,
           .set = [](Arguments& a, Flag flag,
                     Text text) { a.request.spacing = parse_spacing(flag, text); }},
    Option{.name = "clip-skip",
           .value = "N",
           .help = "last layers of the CLIP text encoder to leave out, counted as diffusers does",
           .standard = "0",
           .set = [](Arguments& a, Flag flag,
                     Text text) { a.request.clip_skip = parse_int(flag, text, 0, kMaxClipSkip); }},
};

constexpr std::array kAmountOptions = {
    Option{.letter = 's',
           .name = "seed",
           .value = "N",
           .help = "seed of the first image; image i uses N+i",
           .standard = "a random one, printed",
           .set = [](Arguments& a, Flag flag, Text text) { a.seed = parse_seed(flag, text); }},
    Option{.name = "count",
           .value = "N",
           .help = "images in all (with --from-file: for each prompt)",
           .standard = "1",
           .set = [](Arguments& a, Flag flag,
                     Text text) { a.count = parse_int(flag, text, 1, kMaxImages); }},
    Option{.name = "batch-size",
           .value = "B",
           .help = "images at once; changes speed and memory, not the noise of any image",
           .standard = "1",
           .set = [](Arguments& a, Flag flag,
                     Text text) { a.batch_size = parse_int(flag, text, 1, kMaxBatch); }},
    Option{.name = "n_samples",
           .value = "N",
           .help = "as CompVis' scripts: --batch-size N, and N images (for each --n_iter), or with "
                   "--from-file N prompts at once",
           .standard = "1",
           .set = [](Arguments& a, Flag flag,
                     Text text) { a.n_samples = parse_int(flag, text, 1, kMaxBatch); }},
    Option{.name = "n_iter",
           .value = "N",
           .help = "as CompVis' scripts: N times --n_samples images",
           .standard = "1",
           .set = [](Arguments& a, Flag flag,
                     Text text) { a.n_iter = parse_int(flag, text, 1, kMaxImages); }},
};

constexpr std::array kInitOptions = {
    Option{
        .name = "init-img",
        .value = "FILE",
        .help = "the picture to start from, PNG or JPEG; without -W and -H its size is kept, "
                "rounded down to what the model can paint",
        .set = [](Arguments& a, Flag flag, Text text) { a.init_image = parse_path(flag, text); }},
    Option{
        .name = "init-latents",
        .value = "FILE",
        .help = "latents that --save-latents wrote, in place of --init-img",
        .set = [](Arguments& a, Flag flag, Text text) { a.init_latents = parse_path(flag, text); }},
    Option{.name = "strength",
           .value = "S",
           .help = "share of the steps that are run, 0 (keeps the picture) to 1 (forgets it)",
           .standard = "0.8",
           .set = [](Arguments& a, Flag flag,
                     Text text) { a.request.strength = parse_real(flag, text, 0, 1); }},
};

constexpr std::array kOutputOptions = {
    Option{.letter = 'o',
           .name = "output",
           .value = "PATH",
           .help = "FILE.png for one image; a folder, or a name with {index}, {index:05} or {seed} "
                   "in it, for several; - for standard output",
           .standard = "sd-<seed>.png, never over a file that is there",
           .set = [](Arguments& a, Flag flag, Text text) { a.output = parse_path(flag, text); }},
    Option{
        .name = "outdir",
        .value = "FOLDER",
        .help = "the folder for the images, made where it is missing",
        .set = [](Arguments& a, Flag flag, Text text) { a.output = parse_path(flag, text) + "/"; }},
    Option{.name = "on-exist",
           .value = "WHAT",
           .help = "where a file is there already: overwrite it, rename the new one, skip the "
                   "image, or error",
           .standard = "overwrite for one named file, rename without -o, else error",
           .set = [](Arguments& a, Flag, Text text) { a.on_exist = parse_on_exist(text); }},
    Option{
        .name = "save-latents",
        .value = "FILE",
        .help = "the final latents as FILE.safetensors; for several images with {index} or "
                "{seed} in its name",
        .set = [](Arguments& a, Flag flag, Text text) { a.save_latents = parse_path(flag, text); }},
};

constexpr std::array kModelOptions = {
    Option{
        .letter = 'm',
        .name = "model",
        .value = "PATH|NAME",
        .help = "a folder in diffusers layout, the name of one in $SD_MODELS or of one that "
                "comes with sd, or ORG/NAME in the Hugging Face cache",
        .standard = "shapes-sd1, a small model that comes with sd",
        .set = [](Arguments& a, Flag flag, Text text) { a.load.model = parse_path(flag, text); }},
    Option{.name = "variant",
           .value = "NAME",
           .help = "weight files of that variant, fp16 say",
           .standard = "the plain ones",
           .set = [](Arguments& a, Flag flag,
                     Text text) { a.load.variant = parse_variant(flag, text); }},
    Option{.name = "device",
           .value = "NAME",
           .help = "auto, cpu, cuda or cuda:N",
           .standard = "auto",
           .set = [](Arguments& a, Flag flag,
                     Text text) { a.load.device = parse_device(flag, text); }},
    Option{
        .name = "dtype",
        .value = "NAME",
        .help = "auto, fp32, bf16 or fp16; pixels equal those of diffusers to 1/255 only with "
                "fp32",
        .standard = "auto",
        .set = [](Arguments& a, Flag flag, Text text) { a.load.dtype = parse_dtype(flag, text); }},
    Option{.name = "threads",
           .value = "N",
           .help = "CPU threads; 0: as many as there are cores",
           .standard = "0",
           .set = [](Arguments& a, Flag flag,
                     Text text) { a.load.threads = parse_int(flag, text, 0, kMaxThreads); }},
    Option{.name = "low-memory",
           .help = "one network on the device at a time, freed after use",
           .set = [](Arguments& a, Flag, Text) { a.load.low_memory = true; }},
    Option{.name = "vae-tiling",
           .help = "encode and decode in tiles",
           .set = [](Arguments& a, Flag, Text) { a.load.vae_tiling = true; }},
    Option{.name = "vae-slicing",
           .help = "decode one image at a time",
           .set = [](Arguments& a, Flag, Text) { a.load.vae_slicing = true; }},
};

constexpr std::array kMessageOptions = {
    Option{.letter = 'q',
           .name = "quiet",
           .help = "print results and errors alone",
           .set = [](Arguments& a, Flag, Text) { a.verbosity = Verbosity::kQuiet; }},
    Option{.letter = 'v',
           .name = "verbose",
           .help = "print more: sizes, steps really run, seconds",
           .set = [](Arguments& a, Flag, Text) { a.verbosity = Verbosity::kVerbose; }},
    Option{.name = "json",
           .help = "on standard output a JSON object on one line for each image, in place of its "
                   "path",
           .set = [](Arguments& a, Flag, Text) { a.json = true; }},
    Option{.name = "no-color",
           .help = "no colours on the terminal (as $NO_COLOR)",
           .set = [](Arguments& a, Flag, Text) { a.color = false; }},
    Option{.name = "log-file",
           .value = "FILE",
           .help = "append all messages to FILE, with the time of each",
           .set = [](Arguments& a, Flag flag, Text text) { a.log_file = parse_path(flag, text); }},
    Option{.letter = 'h',
           .name = "help",
           .help = "print this help",
           .set = [](Arguments& a, Flag, Text) { a.help = true; }},
};

}  // namespace

OptionGroup prompt_options() { return {"Prompt", kPromptOptions}; }
OptionGroup sampling_options() { return {"Picture and sampling", kSamplingOptions}; }
OptionGroup amount_options() { return {"Seed and number", kAmountOptions}; }
OptionGroup init_options() { return {"Start", kInitOptions}; }
OptionGroup output_options() { return {"Output", kOutputOptions}; }
OptionGroup model_options() { return {"Model and placement", kModelOptions}; }
OptionGroup message_options() { return {"Messages", kMessageOptions}; }

}  // namespace sd
