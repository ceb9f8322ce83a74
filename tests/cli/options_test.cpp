// What each option does to the request, the load options and the files.

#include <gmock/gmock.h>

#include "cli/help.h"
#include "io/latents_file.h"
#include "io/png.h"
#include "jobs/sampler_names.h"
#include "tests/cli/cli_fixture.h"

namespace sd::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class OptionsTest : public CliTest {
 protected:
  Request request_of(std::vector<std::string> arguments) {
    engine_.batches.clear();
    arguments.insert(arguments.end(), {"-p", "x", "--on-exist", "rename"});
    const Outcome outcome = txt2img(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return outcome.code == 0 ? engine_.requests().at(0) : Request{};
  }
  LoadOptions load_of(const std::vector<std::string>& arguments) {
    engine_.loads.clear();
    request_of(arguments);
    return engine_.loads.empty() ? LoadOptions{} : engine_.loads.at(0);
  }
};

TEST_F(OptionsTest, LeavesToTheModelWhatIsNotGiven) {
  const Request request = request_of({});
  EXPECT_EQ(request.prompt, "x");
  EXPECT_EQ(request.negative_prompt, "");
  EXPECT_FALSE(request.width || request.height || request.steps || request.scale);
  EXPECT_EQ(request.sampler + request.sigmas + request.spacing, "");
  EXPECT_EQ(request.eta, 0);
  EXPECT_EQ(request.guidance_rescale, 0);
  EXPECT_EQ(request.clip_skip, 0);
  EXPECT_FALSE(request.init_image || request.init_latents);
  EXPECT_EQ(request.prompt_2 + request.prompt_3, "");
  EXPECT_EQ(request.negative_prompt_2 + request.negative_prompt_3, "");
  EXPECT_FALSE(request.max_sequence_length);
  EXPECT_EQ(request.skip_layers, SkipLayerGuidance());
  EXPECT_FALSE(request.resolution_binning || request.original_size || request.target_size);
  EXPECT_FALSE(request.crop || request.rounded_times);
  EXPECT_EQ(request.rope_grid + request.variance, "");
  const LoadOptions load = load_of({});
  EXPECT_EQ(load.model, (folder_ / "models/tiny").string());
  EXPECT_EQ(load.variant, "");
  EXPECT_EQ(load.device, "auto");
  EXPECT_EQ(load.dtype, "auto");
  EXPECT_EQ(load.threads, 0);
  EXPECT_FALSE(load.low_memory || load.vae_tiling || load.vae_slicing || load.no_t5);
  EXPECT_EQ(load.t5_dtype, "");
}

TEST_F(OptionsTest, FillsTheRequest) {
  EXPECT_EQ(request_of({"-n", "dog"}).negative_prompt, "dog");
  EXPECT_EQ(request_of({"--negative-prompt=dog"}).negative_prompt, "dog");
  EXPECT_EQ(request_of({"-W", "64"}).width, 64);
  EXPECT_EQ(request_of({"-W64"}).width, 64);
  EXPECT_EQ(request_of({"--W", "64"}).width, 64);
  EXPECT_EQ(request_of({"--width", "64"}).width, 64);
  EXPECT_EQ(request_of({"-H", "72"}).height, 72);
  EXPECT_EQ(request_of({"--H=72"}).height, 72);
  EXPECT_EQ(request_of({"--steps", "3"}).steps, 3);
  EXPECT_EQ(request_of({"--scale", "0"}).scale, 0.0);
  EXPECT_EQ(request_of({"--scale", "7.25"}).scale, 7.25);
  EXPECT_EQ(request_of({"--guidance-rescale", "0.7"}).guidance_rescale, 0.7);
  EXPECT_EQ(request_of({"--sampler", "euler_a"}).sampler, "euler_a");
  EXPECT_EQ(request_of({"--sampler", "euler-a"}).sampler, "euler_a");
  EXPECT_EQ(request_of({"--plms"}).sampler, "plms");
  EXPECT_EQ(request_of({"--eta", "0.5"}).eta, 0.5);
  EXPECT_EQ(request_of({"--sigmas", "karras"}).sigmas, "karras");
  EXPECT_EQ(request_of({"--spacing", "trailing"}).spacing, "trailing");
  EXPECT_EQ(request_of({"--clip-skip", "2"}).clip_skip, 2);
  EXPECT_EQ(request_of({"-s", "18446744073709551615"}).seed, 18446744073709551615U);
  EXPECT_EQ(request_of({"--seed", "0"}).seed, 0U);
}

TEST_F(OptionsTest, FillsWhatOnlySomeFamiliesHave) {
  EXPECT_EQ(request_of({"--prompt-2", "a"}).prompt_2, "a");
  EXPECT_EQ(request_of({"--prompt_3=-a"}).prompt_3, "-a");
  EXPECT_EQ(request_of({"--negative-prompt-2", "a"}).negative_prompt_2, "a");
  EXPECT_EQ(request_of({"--negative_prompt_3", "a"}).negative_prompt_3, "a");
  EXPECT_EQ(request_of({"--max-sequence-length", "512"}).max_sequence_length, 512);
  EXPECT_THAT(request_of({"--skip-layers", "9, 7,8"}).skip_layers.layers, ElementsAre(7, 8, 9));
  EXPECT_EQ(request_of({"--skip-layers", "none"}).skip_layers, SkipLayerGuidance());
  EXPECT_EQ(request_of({"--skip-layers", "7", "--skip-layer-scale", "-3", "--skip_layer_start", "0",
                        "--skip-layer-stop=1"})
                .skip_layers,
            (SkipLayerGuidance{.layers = {7}, .scale = -3, .start = 0, .stop = 1}));
  EXPECT_EQ(request_of({"--resolution-binning"}).resolution_binning, true);
  EXPECT_EQ(request_of({"--no_resolution_binning"}).resolution_binning, false);
  EXPECT_EQ(request_of({"--resolution-binning", "--no-resolution-binning"}).resolution_binning,
            false)
      << "the last one counts";
  EXPECT_EQ(request_of({"--original-size", "1024x768"}).original_size, (PixelSize{1024, 768}));
  EXPECT_EQ(request_of({"--target_size=768X1024"}).target_size, (PixelSize{768, 1024}));
  EXPECT_EQ(request_of({"--crop", "8,16"}).crop, (CropCorner{.top = 8, .left = 16}));
  EXPECT_EQ(request_of({"--rope-grid", "Original"}).rope_grid, "original");
  EXPECT_TRUE(request_of({"--rounded-times"}).rounded_times);
  EXPECT_EQ(request_of({"--variance", "learned_range"}).variance, "learned_range");
  EXPECT_EQ(request_of({"--variance", "fixed_large", "--sampler", "ddpm"}).variance, "fixed_large");
  EXPECT_TRUE(load_of({"--no-t5"}).no_t5);
  EXPECT_EQ(load_of({"--t5-dtype", "BF16"}).t5_dtype, "bf16");
}

TEST_F(OptionsTest, FillsTheLoadOptions) {
  EXPECT_EQ(load_of({"--variant", "fp16"}).variant, "fp16");
  EXPECT_EQ(load_of({"--device", "cpu"}).device, "cpu");
  EXPECT_EQ(load_of({"--device", "cuda:1"}).device, "cuda:1");
  EXPECT_EQ(load_of({"--dtype", "bf16"}).dtype, "bf16");
  EXPECT_EQ(load_of({"--threads", "3"}).threads, 3);
  EXPECT_TRUE(load_of({"--low-memory"}).low_memory);
  EXPECT_TRUE(load_of({"--vae-tiling"}).vae_tiling);
  EXPECT_TRUE(load_of({"--vae-slicing"}).vae_slicing);
}

TEST_F(OptionsTest, TakesUnderscoresForHyphens) {
  EXPECT_EQ(request_of({"--ddim_steps", "3"}).steps, 3);
  EXPECT_EQ(request_of({"--ddim-steps=4"}).steps, 4);
  EXPECT_EQ(request_of({"--ddim_eta", "0.5"}).eta, 0.5);
  EXPECT_EQ(request_of({"--negative_prompt", "dog"}).negative_prompt, "dog");
  EXPECT_EQ(request_of({"--guidance_rescale", "0.5"}).guidance_rescale, 0.5);
  EXPECT_TRUE(load_of({"--low_memory"}).low_memory);
}

TEST_F(OptionsTest, TakesTheNextArgumentForAValueWhateverItLooksLike) {
  EXPECT_EQ(txt2img({"-p", "", "-n", "-5"}).code, 0);
  EXPECT_EQ(txt2img({"--prompt=", "-n=1"}).code, 0);
  EXPECT_EQ(txt2img({"--prompt=--steps", "--negative-prompt=a=b"}).code, 0);
  EXPECT_EQ(txt2img({"-p", "{}", "-n", "[a,b]"}).code, 0);
  EXPECT_EQ(txt2img({"-p", "--", "-n", "%%"}).code, 0);
  std::vector<std::string> texts;
  for (const Request& request : engine_.requests()) {
    texts.push_back(request.prompt + "|" + request.negative_prompt);
  }
  EXPECT_THAT(texts, ElementsAre("|-5", "|=1", "--steps|a=b", "{}|[a,b]", "--|%%"));
}

TEST_F(OptionsTest, TakesTheLastOfRepeatedOptions) {
  EXPECT_EQ(request_of({"--steps", "3", "--steps", "5"}).steps, 5);
  EXPECT_EQ(request_of({"--steps", "3", "--ddim_steps", "6"}).steps, 6);
  EXPECT_EQ(request_of({"--sampler", "ddim", "--sampler", "heun"}).sampler, "heun");
  EXPECT_EQ(request_of({"-q", "-q", "--json", "--json"}).prompt, "x");
}

TEST_F(OptionsTest, TakesOptionsTogetherThatSayTheSame) {
  EXPECT_EQ(request_of({"--plms", "--sampler", "plms"}).sampler, "plms");
  EXPECT_EQ(request_of({"--sampler", "PLMS", "--plms"}).sampler, "plms");
  for (const char* output : {"out", "out/", "./out"}) {
    EXPECT_EQ(
        txt2img({"-p", "x", "-s", "1", "--outdir", "out", "-o", output, "--on-exist", "overwrite"})
            .out,
        "out/sd-1.png\n");
  }
}

TEST_F(OptionsTest, TakesNamesInCapitals) {
  EXPECT_EQ(request_of({"--sampler", "Euler_A"}).sampler, "euler_a");
  EXPECT_EQ(request_of({"--sigmas", "Karras"}).sigmas, "karras");
  EXPECT_EQ(request_of({"--spacing", "TRAILING"}).spacing, "trailing");
  EXPECT_EQ(load_of({"--device", "CUDA:1"}).device, "cuda:1");
  EXPECT_EQ(load_of({"--dtype", "FP32"}).dtype, "fp32");
}

TEST_F(OptionsTest, KeepsLineBreaksAndUnicodeOfThePrompt) {
  ASSERT_EQ(txt2img({"-p", "two\nlines\t\xe7\x8c\xab"}).code, 0);
  EXPECT_EQ(engine_.requests().at(0).prompt, "two\nlines\t\xe7\x8c\xab");
}

TEST_F(OptionsTest, MakesBatchesInTheOrderOfSeeds) {
  ASSERT_EQ(txt2img({"-p", "x", "-s", "10", "--count", "5", "--batch-size", "2"}).code, 0);
  std::vector<std::vector<uint64_t>> seeds;
  for (const auto& batch : engine_.batches) {
    auto& row = seeds.emplace_back();
    for (const Request& request : batch) row.push_back(request.seed);
  }
  EXPECT_THAT(seeds, ElementsAre(ElementsAre(10, 11), ElementsAre(12, 13), ElementsAre(14)));
  EXPECT_THAT(files_here(),
              ElementsAre("sd-10.png", "sd-11.png", "sd-12.png", "sd-13.png", "sd-14.png"));
}

TEST_F(OptionsTest, CountsAsCompVisDid) {
  ASSERT_EQ(txt2img({"-p", "x", "-s", "1", "--n_samples", "3", "--n_iter", "2"}).code, 0);
  ASSERT_EQ(engine_.batches.size(), 2);
  EXPECT_EQ(engine_.batches[1].size(), 3);
  engine_.batches.clear();
  ASSERT_EQ(txt2img({"-p", "x", "-s", "20", "--n-iter", "4", "--batch-size", "2"}).code, 0);
  EXPECT_EQ(engine_.requests().size(), 4);
  EXPECT_EQ(engine_.batches.size(), 2);
}

TEST_F(OptionsTest, PrintsTheSeedItTook) {
  const Outcome outcome = txt2img({"-p", "x"});
  EXPECT_EQ(engine_.requests().at(0).seed, random_seed_);
  EXPECT_THAT(outcome.err, HasSubstr("sd: seed 4711\n"));
  EXPECT_EQ(outcome.out, "sd-4711.png\n");
}

TEST_F(OptionsTest, StartsFromAPicture) {
  const Picture picture = {3, 2, std::vector<uint8_t>(18, 200)};
  const std::vector<uint8_t> png = encode_png(picture);
  write_file("in.png", std::string(png.begin(), png.end()));
  const Outcome outcome = img2img(
      {"--init_img", "in.png", "-p", "x", "--strength", "0.5", "--steps", "10", "-v", "-s", "1"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Request request = engine_.requests().at(0);
  ASSERT_TRUE(request.init_image);
  EXPECT_EQ(request.init_image->width, 3);
  EXPECT_EQ(request.init_image->rgb, picture.rgb);
  EXPECT_FALSE(request.width || request.height);
  EXPECT_EQ(request.strength, 0.5);
  EXPECT_THAT(outcome.err, HasSubstr("sd: loaded input image of size (3, 2) from in.png\n"));
  EXPECT_THAT(outcome.err, HasSubstr("sd: target t_enc is 5 steps\n"));
}

TEST_F(OptionsTest, StartsFromTheLatentsItSaved) {
  ASSERT_EQ(txt2img({"-p", "x", "-s", "5", "--save-latents", "l.safetensors"}).code, 0);
  ASSERT_EQ(img2img({"--init-latents", "l.safetensors", "-p", "x", "-s", "6"}).code, 0);
  const Request request = engine_.requests().at(1);
  ASSERT_TRUE(request.init_latents);
  EXPECT_THAT(request.init_latents->shape, ElementsAre(4, 2, 2));
  EXPECT_EQ(request.init_latents->values, std::vector<float>(16, 5.0F));
  EXPECT_EQ(request.strength, std::nullopt) << "that of the model";
}

TEST_F(OptionsTest, SavesTheLatentsOfSeveralImages) {
  ASSERT_EQ(
      txt2img({"-p", "x", "-s", "5", "--count", "2", "--save-latents", "l{index}.safetensors"})
          .code,
      0);
  EXPECT_EQ(read_latents("l1.safetensors").values.at(0), 6.0F);
  EXPECT_EQ(txt2img({"-p", "x", "--save-latents", "l0.safetensors", "--on-exist", "error"}).code,
            5);
}

TEST_F(OptionsTest, HelpNamesEveryOptionAndDefault) {
  const Outcome outcome = sd({"img2img", "--help"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.err, "");
  for (const OptionGroup& group : img2img_command().options) {
    EXPECT_THAT(outcome.out, HasSubstr(std::string(group.title) + ":\n"));
    for (const Option& option : group.options) {
      EXPECT_THAT(outcome.out, HasSubstr("  " + option_heading(option)));
    }
  }
  EXPECT_THAT(outcome.out, HasSubstr("Examples:\n  sd img2img "));
  EXPECT_EQ(sd({"help", "img2img"}).out, outcome.out);
}

/// Text as the console wraps it, on one line.
std::string unwrapped(const std::string& text) {
  std::string line;
  for (const char c : text) {
    const bool is_space = c == ' ' || c == '\n';
    if (!is_space || !line.ends_with(' ')) line += is_space ? ' ' : c;
  }
  return line;
}

TEST_F(OptionsTest, HelpNamesTheRangesThatAreChecked) {
  const std::string help = unwrapped(sd({"img2img", "--help"}).out);
  for (const char* text :
       {"denoising steps (1 to 1000; default: the model's own)",
        "width in pixels (8 to 16384;",
        "no guidance (0 to 1000;",
        "forgets it (0 to 1; default: 0.8)",
        "for each prompt (1 to 1000000;",
        "(0 to 18446744073709551615;",
        "(leading, linspace or trailing;",
        "(auto, fp32, bf16 or fp16;",
        "(1 to 512; default: the model's own)",
        "(numbers from 0 to 999, or none; default: none)",
        "(-1000 to 1000; default: 2.8)",
        "begins (0 to 1; default: 0.01)",
        "ends (0 to 1; default: 0.2)",
        "(auto, fp32, bf16 or fp16; default: as --dtype)",
        "(sides from 1 to 16384; default: that of the picture)",
        "(0 to 16384 each; default: 0,0)",
        "(diffusers or original; default: diffusers)",
        "(hunyuan; default: none)",
        "(fixed_small, fixed_small_log, fixed_large or learned_range; default: the model's own)",
        "--no-resolution-binning keep width and height as they are",
        "(auto, cpu, cuda or cuda:N; default: auto)",
        "(overwrite, rename, skip or error;"}) {
    EXPECT_THAT(help, HasSubstr(text));
  }
  for (const char* limit : {"1", "1000"}) EXPECT_EQ(request_of({"--steps", limit}).prompt, "x");
  for (const char* beyond : {"0", "1001"}) {
    EXPECT_THAT(txt2img({"-p", "x", "--steps", beyond}).err, HasSubstr(" from 1 to 1000, "));
  }
}

TEST_F(OptionsTest, HelpAndManPageExplainNamesKeysAndExitCodes) {
  const std::string help = unwrapped(sd({"--help"}).out);
  const std::string page = sd({"man"}).out;
  for (const char* text :
       {"{index}, {seed} in a name that ends in .png", "{index:05} the same with zeros",
        "{{, }} the braces", "141 ended by SIGPIPE", "5 output not writable", "SD_MODELS folder",
        "file path of the picture; null where the image failed",
        "index number of the image, from 0", "settings.width pixels"}) {
    EXPECT_THAT(help, HasSubstr(text));
  }
  for (const char* text :
       {".SH \"NAMES OF IMAGES", ".B {index:05}\n", ".SH \"KEYS OF", ".B error\n",
        ".SH \"EXIT STATUS\"\n", ".B 141\n", ".SH \"ENVIRONMENT\"\n"}) {
    EXPECT_THAT(page, HasSubstr(text));
  }
}

TEST_F(OptionsTest, AnswersSlipsWithHelp) {
  const std::string help = sd({"txt2img", "--help"}).out;
  EXPECT_EQ(sd({"--help", "txt2img"}).out, help);
  EXPECT_EQ(sd({"-h", "txt2img", "--steps"}).out, help);
  EXPECT_EQ(sd({"txt2img", "help"}).out, help);
  EXPECT_EQ(sd({"txt2img", "-p", "x", "--frobnicate", "--steps", "0", "--help"}).out, help);
  EXPECT_EQ(sd({"txt2img", "-q", "-v", "-h"}).out, help);
  EXPECT_EQ(sd({"txt2img", "-h"}).code, 0);
  const std::string overview = sd({"--help"}).out;
  for (const char* topic : {"--json", "help", "--help", "man"}) {
    EXPECT_EQ(sd({"help", topic}).out, overview) << topic;
  }
}

TEST_F(OptionsTest, HelpNamesEverySampler) {
  std::string words = sd({"txt2img", "-h"}).out;
  for (const std::string_view name : sampler_choices()) {
    EXPECT_THAT(words, ::testing::ContainsRegex("[ (]" + std::string(name) + "[,; ]"));
  }
}

TEST_F(OptionsTest, ManPageComesFromTheSameTables) {
  const std::string page = sd({"man"}).out;
  EXPECT_TRUE(page.starts_with(".TH SD 1 "));
  for (const Command* command : commands()) {
    for (const OptionGroup& group : command->options) {
      for (const Option& option : group.options) {
        std::string escaped;
        for (const char c : option_heading(option)) escaped += c == '-' ? "\\-" : std::string(1, c);
        EXPECT_THAT(page, HasSubstr(".B " + escaped + "\n"));
      }
    }
  }
}

TEST_F(OptionsTest, PrintsOverviewAndVersion) {
  EXPECT_THAT(sd({"--help"}).out, HasSubstr("  img2img "));
  EXPECT_EQ(sd({"--help"}).code, 0);
  EXPECT_EQ(sd({"help"}).out, sd({"-h"}).out);
  EXPECT_THAT(sd({"--version"}).out,
              ::testing::MatchesRegex("sd [0-9.]+\nlibtorch 2[^\n]+CUDA[^\n]*\n[^\n]+build.*\n"));
  for (const std::vector<std::string>& asking :
       {std::vector<std::string>{"-V"}, {"version"}, {"txt2img", "--version"}, {"img2img", "-V"}}) {
    EXPECT_EQ(sd(asking).out, sd({"--version"}).out);
    EXPECT_EQ(sd(asking).code, 0);
  }
  const Outcome nothing = sd({});
  EXPECT_EQ(nothing.code, 2);
  EXPECT_EQ(nothing.out, "");
  EXPECT_THAT(nothing.err, HasSubstr("Usage: sd COMMAND"));
  EXPECT_THAT(nothing.err, HasSubstr("  img2img "));
}

}  // namespace
}  // namespace sd::testing
