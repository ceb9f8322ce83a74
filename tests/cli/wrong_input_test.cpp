// Each wrong input: one sentence that names the option, what was expected and what was found; the
// exit code; and no model loaded.

#include <algorithm>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/check.h"
#include "io/png.h"
#include "tests/cli/cli_fixture.h"

namespace sd::testing {
namespace {

using ::testing::HasSubstr;

struct WrongInput {
  std::vector<std::string> arguments;
  int code;
  std::string sentence;  ///< part of it
};

void PrintTo(const WrongInput& input, std::ostream* out) {
  for (const std::string& argument : input.arguments) *out << "'" << argument << "' ";
}

class WrongInputTest : public CliTest {
 protected:
  void expect(const WrongInput& input) {
    SCOPED_TRACE(::testing::PrintToString(input));
    const Outcome outcome = sd(input.arguments);
    EXPECT_EQ(outcome.code, input.code);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, HasSubstr(input.sentence));
    EXPECT_TRUE(outcome.err.starts_with("sd: error: "));
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
    EXPECT_TRUE(engine_.loads.empty());
  }
};

class WrongArgumentTest : public WrongInputTest,
                          public ::testing::WithParamInterface<WrongInput> {};

TEST_P(WrongArgumentTest, IsOneSentence) { expect(GetParam()); }

WrongInput in_txt2img(std::vector<std::string> arguments, std::string sentence, int code = 2) {
  arguments.insert(arguments.begin(), {"txt2img", "-p", "x", "-m", "tiny"});
  return {std::move(arguments), code, std::move(sentence)};
}

WrongInput in_img2img(std::vector<std::string> arguments, std::string sentence, int code = 2) {
  arguments.insert(arguments.begin(), {"img2img", "-p", "x", "-m", "tiny"});
  return {std::move(arguments), code, std::move(sentence)};
}

INSTANTIATE_TEST_SUITE_P(
    Command, WrongArgumentTest,
    ::testing::Values(
        WrongInput{{"txt2igm"}, 2, "no command 'txt2igm' (did you mean txt2img?), see sd --help"},
        WrongInput{{"frobnicate"}, 2, "no command 'frobnicate', see sd --help"},
        WrongInput{{""}, 2, "no command ''"},
        WrongInput{{"help", "img2imf"}, 2, "did you mean img2img?"},
        WrongInput{{"--prompt", "x"}, 2, "expected a command before --prompt"},
        WrongInput{
            {"a cat"}, 2, "expected a command, found 'a cat' (did you mean sd txt2img -p \"a "},
        WrongInput{{"verison"}, 2, "did you mean version?"},
        WrongInput{{"man", "foo"}, 2, "sd man takes nothing more, found 'foo'"},
        WrongInput{{"--version", "foo"}, 2, "sd --version takes nothing more, found 'foo'"},
        WrongInput{{"help", "txt2img", "foo"}, 2, "the name of one command, found also 'foo'"},
        WrongInput{{"completion"}, 2, "SHELL is needed, one of bash, zsh, fish or models"},
        WrongInput{{"completion", "bash", "zsh"}, 2, "takes one name, found also 'zsh'"},
        WrongInput{{"txt2img"}, 2, "--prompt TEXT or --from-file FILE is needed"},
        WrongInput{{"txt2img", "--prompt"}, 2, "--prompt expects a value, found the end"},
        WrongInput{{"txt2img", "-p"}, 2, "-p expects a value, found the end"},
        WrongInput{{"txt2img", "-p", "--steps", "3"},
                   2,
                   "--prompt expects a value, found the option --steps (write --prompt=--steps"},
        WrongInput{{"txt2img", "-p", "\xff"}, 2, "--prompt expects text in UTF-8"}));

INSTANTIATE_TEST_SUITE_P(
    Names, WrongArgumentTest,
    ::testing::Values(
        in_txt2img({"--stpes", "3"}, "has no option --stpes (did you mean --steps?)"),
        in_txt2img({"--ddim_step=3"}, "has no option --ddim_step (did you mean --ddim_steps?)"),
        in_txt2img({"--frobnicate"}, "sd txt2img has no option --frobnicate, see"),
        in_txt2img({"-x"}, "has no option -x, see sd txt2img --help"),
        in_txt2img({"--strength", "0.5"},
                   "--strength is an option of sd img2img, not of sd txt2img"),
        in_txt2img({"cat"},
                   "takes options alone, found 'cat' (a prompt follows -p, in quotes where it has "
                   "several words)"),
        in_txt2img({"--", "cat"}, "found 'cat'"), in_txt2img({"-"}, "found '-'"),
        in_txt2img({""}, "found ''"),
        in_txt2img({"steps", "5"}, "found 'steps' (did you mean --steps?)"),
        in_txt2img({"-steps", "5"}, "sd txt2img has no option -steps (did you mean --steps?)"),
        in_txt2img({"-prompt", "a"}, "has no option -prompt (did you mean --prompt?)"),
        in_txt2img({"-width", "64"}, "has no option -width (did you mean --width?)"),
        in_txt2img({"-height", "64"}, "has no option -height (did you mean --height?)"),
        in_txt2img({"-verbose"}, "has no option -verbose (did you mean --verbose?)"),
        in_txt2img({"\u2013steps", "5"},
                   "'\u2013steps' with a typographic dash (did you mean --steps?)"),
        in_txt2img({"\u2014seed", "5"}, "typographic dash (did you mean --seed?)"),
        in_txt2img({"\u2013\u2013seed", "5"}, "typographic dash (did you mean --seed?)"),
        in_txt2img({"\u2212s", "5"}, "typographic dash (did you mean -s?)"),
        in_txt2img({"\u2013frobnicate"}, "'\u2013frobnicate' with a typographic dash"),
        in_txt2img({"--guidance-scale", "7"},
                   "sd txt2img has no option --guidance-scale (here it is --scale)"),
        in_txt2img({"--num_inference_steps=5"}, "(here it is --steps)"),
        in_txt2img({"--skip_guidance_layers", "7"}, "(here it is --skip-layers)"),
        in_txt2img({"--skip-layer-guidance-stop=1"}, "(here it is --skip-layer-stop)"),
        in_txt2img({"--cfg-scale"}, "(here it is --scale)"),
        in_txt2img({"--use_resolution_binning"}, "(here it is --resolution-binning)"),
        in_txt2img({"--crops_coords_top_left", "0,0"}, "(here it is --crop)"),
        in_txt2img({"--variance-type=fixed_small"}, "(here it is --variance)"),
        in_txt2img({"--negative", "x"}, "(here it is --negative-prompt)"),
        in_txt2img({"--ckpt", "x.ckpt"}, "(here it is --model)"),
        in_txt2img({"--init_image", "x"}, "sd txt2img has no option --init_image"),
        in_img2img({"--init_image", "x"}, "(here it is --init-img)"),
        in_txt2img({"--no-such"}, "sd txt2img has no option --no-such, see sd txt2img --help"),
        in_txt2img({"--help=yes"}, "--help takes no value, found 'yes'"),
        in_txt2img({"--low-memory=yes"}, "--low-memory takes no value, found 'yes'"),
        in_txt2img({"--json=false"}, "--json takes no value, found 'false'")));

INSTANTIATE_TEST_SUITE_P(
    Values, WrongArgumentTest,
    ::testing::Values(
        in_txt2img({"--steps", "0"}, "--steps expects a whole number from 1 to 1000, found '0'"),
        in_txt2img({"--steps", "1e9"}, "found '1e9'"),
        in_txt2img({"--steps", "1.5"}, "found '1.5'"),
        in_txt2img({"--steps", "-W", "64"},
                   "--steps expects a whole number from 1 to 1000, found '-W'"),
        in_txt2img({"--steps", "--width", "64"},
                   "--steps expects a value, found the option --width"),
        in_txt2img({"--steps"}, "--steps expects a value, found the end of the command"),
        in_txt2img({"-W"}, "-W expects a value, found the end of the command"),
        in_txt2img({"--width", "8", "--height", "0"},
                   "--height expects a whole number from 8 to 16384, "),
        in_txt2img({"-W512px"}, "--width expects a whole number from 8 to 16384, found '512px'"),
        in_txt2img({"--width="}, "--width expects a whole number from 8 to 16384, found ''"),
        in_txt2img({"--scale", ""}, "--scale expects a number from 0 to 1000, found ''"),
        in_txt2img({"--sampler", ""}, "--sampler expects ddim, "),
        in_txt2img({"--steps", "1000000000"}, "found '1000000000'"),
        in_txt2img({"--steps", "99999999999999999999"}, "found '99999999999999999999'"),
        in_txt2img({"--steps", "-5"}, "found '-5'"), in_txt2img({"--steps", ""}, "found ''"),
        in_txt2img({"--steps="}, "--steps expects a whole number from 1 to 1000, found ''"),
        in_txt2img({"--steps", " 5"}, "found ' 5'"), in_txt2img({"--steps", "5.0"}, "found '5.0'"),
        in_txt2img({"-W", "7"}, "--width expects a whole number from 8 to 16384, found '7'"),
        in_txt2img({"-W", "0"}, "found '0'"), in_txt2img({"--H", "100000"}, "--height expects"),
        in_txt2img({"--scale", "nan"}, "--scale expects a number from 0 to 1000, found 'nan'"),
        in_txt2img({"--scale", "inf"}, "found 'inf'"), in_txt2img({"--scale", "-1"}, "found '-1'"),
        in_txt2img({"--scale", "7,5"}, "found '7,5'"),
        in_txt2img({"--guidance-rescale", "1.5"},
                   "--guidance-rescale expects a number from 0 to 1"),
        in_txt2img({"--eta", "2"}, "--eta expects a number from 0 to 1, found '2'"),
        in_txt2img({"--ddim_eta", "0.5", "--plms"}, "--eta belongs to --sampler ddim"),
        in_img2img({"--strength", "1.01"}, "--strength expects a number from 0 to 1, found '1.01'"),
        in_img2img({"--strength", "nan"}, "found 'nan'"),
        in_txt2img({"-s", "-1"}, "--seed expects a whole number from 0 to 18446744073709551615"),
        in_txt2img({"--seed=-1"}, "found '-1' (for a random seed leave the option out)"),
        in_txt2img({"-s", "18446744073709551616"}, "found '18446744073709551616'"),
        in_txt2img({"-s", "1e5"}, "found '1e5'"), in_txt2img({"-s", "1.0"}, "found '1.0'"),
        in_txt2img({"-s", ""}, "found ''"),
        in_txt2img({"-s", "18446744073709551615", "--count", "2"}, "too large for 2 images"),
        in_txt2img({"--count", "0"}, "--count expects a whole number from 1 to 1000000"),
        in_txt2img({"--batch-size", "0"}, "--batch-size expects a whole number from 1 to 4096"),
        in_txt2img({"--n_samples", "0"}, "--n_samples expects"),
        in_txt2img({"--n_iter", "x"}, "--n_iter expects"),
        in_txt2img({"--n_iter", "1000000", "--n_samples", "4096"}, "at most 1000000 images"),
        in_txt2img({"--sampler", "eulr"}, "found 'eulr' (did you mean euler?)"),
        in_txt2img({"--sampler", "DPM++ 2M Karras"},
                   "found 'DPM++ 2M Karras' (did you mean --sampler dpmpp_2m --sigmas karras?)"),
        in_txt2img({"--sigmas", "foo"},
                   "--sigmas expects karras, exponential or beta, found 'foo'"),
        in_txt2img({"--spacing", "foo"}, "--spacing expects leading, linspace or trailing"),
        in_txt2img({"--clip-skip", "40"}, "--clip-skip expects a whole number from 0 to 31"),
        in_txt2img({"--max-sequence-length", "513"},
                   "--max-sequence-length expects a whole number from 1 to 512, found '513'"),
        in_txt2img({"--max-sequence-length", "0"}, "found '0'"),
        in_txt2img({"--skip-layers", "7,-8"},
                   "--skip-layers expects whole numbers from 0 to 999 with commas between, or "
                   "none, found '-8'"),
        in_txt2img({"--skip-layers", ""}, "or none, found ''"),
        in_txt2img({"--skip-layers", "7,7"},
                   "--skip-layers expects different numbers, found 7 twice"),
        in_txt2img({"--skip-layer-scale", "inf"},
                   "--skip-layer-scale expects a number from -1000 to 1000, found 'inf'"),
        in_txt2img({"--skip-layer-start", "-0.1"},
                   "--skip-layer-start expects a number from 0 to 1"),
        in_txt2img({"--skip-layer-stop", "1.1"}, "--skip-layer-stop expects a number from 0 to 1"),
        in_txt2img({"--resolution-binning=yes"},
                   "--resolution-binning takes no value, found 'yes'"),
        in_txt2img({"--no-resolution-binning=1"}, "--no-resolution-binning takes no value"),
        in_txt2img({"--rounded-times=yes"}, "--rounded-times takes no value, found 'yes'"),
        in_txt2img({"--original-size", "1024"},
                   "--original-size expects WIDTHxHEIGHT with sides from 1 to 16384, found '1024'"),
        in_txt2img({"--original-size", "0x8"}, "sides from 1 to 16384, found '0x8'"),
        in_txt2img(
            {"--target-size", "8x16385"},
            "--target-size expects WIDTHxHEIGHT with sides from 1 to 16384, found '8x16385'"),
        in_txt2img({"--target-size="}, "sides from 1 to 16384, found ''"),
        in_txt2img({"--crop", "8"},
                   "--crop expects TOP,LEFT, two whole numbers from 0 to 16384, found '8'"),
        in_txt2img({"--crop=-8,0"}, "found '-8,0'"),
        in_txt2img({"--rope-grid", "orginal"},
                   "--rope-grid expects diffusers or original, found 'orginal' (did you mean "
                   "original?)"),
        in_txt2img({"--variance", "learned"},
                   "--variance expects fixed_small, fixed_small_log, fixed_large or "
                   "learned_range, found 'learned'"),
        in_txt2img({"--negative-preset", "best"},
                   "--negative-preset expects hunyuan, found 'best'"),
        in_txt2img({"--t5-dtype", "int8"},
                   "--t5-dtype expects auto, fp32, bf16 or fp16, found 'int8'"),
        in_txt2img({"--no-t5=yes"}, "--no-t5 takes no value, found 'yes'"),
        in_txt2img({"--prompt-2", "\xff"}, "--prompt-2 expects text in UTF-8"),
        in_txt2img({"--device", "gpu"},
                   "--device expects auto, cpu, cuda or cuda:N, found 'gpu' (did you mean cuda?)"),
        in_txt2img({"--device", "cuda:"}, "found 'cuda:'"),
        in_txt2img({"--device", "cuda:x"}, "found 'cuda:x'"),
        in_txt2img({"--dtype", "fp8"}, "--dtype expects auto, fp32, bf16 or fp16, found 'fp8'"),
        in_txt2img({"--threads", "-1"}, "--threads expects a whole number from 0 to 1024"),
        in_txt2img({"--variant", "../x"}, "--variant expects the name of a variant"),
        in_txt2img({"-m", ""}, "--model expects the name of a file or folder")));

INSTANTIATE_TEST_SUITE_P(
    Together, WrongArgumentTest,
    ::testing::Values(
        in_txt2img({"--from-file", "f"}, "--prompt and --from-file cannot stand together"),
        in_txt2img({"--count", "2", "--n_samples", "2"},
                   "--count and --n_samples cannot stand together"),
        in_txt2img({"--n_iter", "2", "--count", "2"}, "--count and --n_iter cannot stand together"),
        in_txt2img({"-o", "-", "--json"}, "--json and --output - cannot stand together"),
        in_txt2img({"--outdir", "out", "-o", "a.png"},
                   "--outdir out and --output a.png cannot stand together"),
        in_txt2img({"-o", "b/", "--outdir", "out"}, "--outdir out and --output b/ cannot"),
        in_txt2img({"-o", "-", "--outdir", "out"}, "--outdir out and --output - cannot"),
        in_txt2img({"--plms", "--sampler", "euler"},
                   "--plms and --sampler euler cannot stand together"),
        in_txt2img({"--sampler", "DDIM", "--plms"}, "--plms and --sampler ddim cannot"),
        in_txt2img({"--negative-prompt", "", "--negative-preset", "hunyuan"},
                   "--negative-prompt and --negative-preset cannot stand together"),
        in_txt2img({"--variance", "fixed_large", "--sampler", "euler"},
                   "--variance belongs to --sampler ddpm, found --sampler euler"),
        in_txt2img({"--plms", "--variance", "fixed_large"}, "found --sampler plms"),
        in_txt2img({"-q", "-v"}, "--quiet and --verbose cannot stand together"),
        in_txt2img({"--verbose", "--quiet"}, "--quiet and --verbose cannot stand together"),
        in_txt2img({"--no-t5", "--t5-dtype", "fp16"},
                   "--no-t5 and --t5-dtype cannot stand together"),
        in_txt2img({"--skip-layer-scale", "2.8"},
                   "--skip-layer-scale does nothing without --skip-layers"),
        in_txt2img({"--skip-layers", "none", "--skip-layer-start", "0"},
                   "--skip-layer-start does nothing without --skip-layers"),
        WrongInput{{"bench", "--skip-layer-stop", "0.5"},
                   2,
                   "--skip-layer-stop does nothing without --skip-layers"},
        in_txt2img({"--skip-layers", "7", "--skip-layer-start", "0.2"},
                   "--skip-layer-start expects less than the --skip-layer-stop of 0.2, found 0.2"),
        in_img2img({}, "--init-img FILE is needed"),
        in_img2img({"--init-img", "a", "--init-latents", "b"},
                   "--init-img and --init-latents cannot stand together")));

INSTANTIATE_TEST_SUITE_P(
    Files, WrongArgumentTest,
    ::testing::Values(
        in_txt2img({"-o", "a.gif"},
                   "--output expects a name that ends in .png, .jpg or .webp, or in / for a "
                   "folder, found 'a.gif'"),
        in_txt2img({"-o", ""}, "--output expects"),
        in_txt2img({"--outdir", ""}, "--outdir expects the name of a file or folder"),
        in_txt2img({"-o", ".png"}, "--output expects a name before .png"),
        in_txt2img({"-o", "a\nb.png"}, "--output expects a name without line breaks"),
        in_txt2img({"-o", std::string(300, 'n') + ".png"},
                   "names of at most 255 bytes, found one of 304"),
        in_txt2img({"-o", "/proc/x.png"}, "cannot write '/proc/x.png': the folder '/proc' ", 5),
        in_txt2img({"-o", "/dev/null"}, "cannot write into '/dev/null': it is a pipe or device", 5),
        in_txt2img({"-o", "/dev/full"}, "cannot write into '/dev/full': it is a pipe or device", 5),
        in_txt2img({"-o", "models/tiny/model_index.json/x.png"},
                   "'models/tiny/model_index.json' is not a folder", 5),
        in_txt2img({"-o", "{{x}.png"}, "--output found a } without its {"),
        in_txt2img({"-o", "a.png", "--count", "2"}, "found one file 'a.png'"),
        in_txt2img({"-o", "{foo}.png"}, "unknown placeholder {foo}"),
        in_txt2img({"-o", "no/a.png"}, "cannot write 'no/a.png': the folder 'no' does not exist",
                   5),
        in_txt2img({"--outdir", "models/tiny/model_index.json"}, "model_index.json", 5),
        in_txt2img({"--on-exist", "ask"},
                   "--on-exist expects overwrite, rename, skip or error, found 'ask'"),
        in_txt2img({"--save-latents", "l.pt"}, "--save-latents expects a name that ends in"),
        in_txt2img({"--save-latents", "l.safetensors", "--count", "2"}, "{index} or {seed}"),
        in_txt2img({"--save-latents", "no/l.safetensors"}, "the folder 'no' does not exist", 5),
        in_txt2img({"--log-file", "no/log"}, "the log file no/log cannot be opened", 5),
        in_img2img({"--init-img", "no.png"}, "no.png", 4),
        in_img2img({"--init-img", "models"}, "models", 4),
        in_img2img({"--init-img", "models/tiny/model_index.json"}, "model_index.json", 4),
        in_img2img({"--init-latents", "no.safetensors"}, "no.safetensors", 4),
        in_img2img({"--init-latents", "models/tiny/model_index.json"}, "model_index.json", 4)));

TEST_F(WrongInputTest, PromptFilesThatCannotBeRead) {
  write_file("empty.txt", "");
  write_file("utf16.txt", std::string("\xff\xfe"
                                      "a\0\n\0",
                                      6));
  const auto from = [](const char* file, const char* sentence) {
    return WrongInput{{"txt2img", "-m", "tiny", "--from-file", file}, 2, sentence};
  };
  expect(from("no.txt", "--from-file: "));
  expect(from("models", "--from-file: "));
  expect(from("empty.txt", "empty.txt is empty, at least one prompt was expected"));
  expect(from("utf16.txt", "utf16.txt, line 1: text in UTF-8 was expected"));
}

TEST_F(WrongInputTest, StandardOutputThatIsATerminal) {
  out_is_terminal_ = true;
  expect(in_txt2img({"-o", "-"}, "standard output, which is a terminal"));
}

TEST_F(WrongInputTest, FolderThatCannotBeWritten) {
  std::filesystem::create_directory("locked");
  ::chmod("locked", 0555);
  ::chmod(".", 0755);
  const bool is_root = ::geteuid() == 0;  // for whom nothing is locked
  if (is_root) {
    ASSERT_EQ(::seteuid(65534), 0);
  }
  for (const char* output : {"locked/a.png", "locked", "locked/new/", "locked/{index}.png"}) {
    expect(in_txt2img({"-o", output}, "the folder 'locked' may not be written to", 5));
  }
  if (is_root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
}

TEST_F(WrongInputTest, LinksThatLeadNowhere) {
  std::filesystem::create_symlink("no/a.png", "a.png");
  std::filesystem::create_symlink("loop.png", "loop.png");
  std::filesystem::create_symlink("nowhere", "out");
  expect(
      in_txt2img({"-o", "a.png"}, "it is a link to 'no/a.png', and the folder 'no' does not", 5));
  expect(in_txt2img({"-o", "loop.png"}, "symbolic links", 5));
  expect(in_txt2img({"-o", "out"}, "'out' is not a folder", 5));
}

TEST_F(WrongInputTest, FilesThatAreThereAlready) {
  write_file("7.png", "mine");
  expect(in_txt2img({"-s", "6", "--count", "2", "-o", "{seed}.png"}, "7.png is there already", 5));
  expect(in_txt2img({"-o", "7.png", "--on-exist", "error"}, "7.png is there already", 5));
  EXPECT_EQ(read_file("7.png"), "mine");
}

TEST_F(WrongInputTest, SizeThatIsNoMultipleOfTheModels) {
  engine_.on_check = [](const std::vector<Request>& requests) {
    SD_CHECK(requests.at(0).width != 100, ErrorKind::kUsage,
             "--width: expected a multiple of 8 from 8 to 16384, found 100; the nearest are 96 and "
             "104");
  };
  const Outcome outcome = CliTest::txt2img({"-p", "x", "-W", "100", "-s", "1"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.err,
            "sd: error: --width: expected a multiple of 8 from 8 to 16384, found 100; the nearest "
            "are 96 and 104\n");
  EXPECT_TRUE(engine_.batches.empty());
  EXPECT_FALSE(engine_.weights_are_loaded);
}

}  // namespace
}  // namespace sd::testing
