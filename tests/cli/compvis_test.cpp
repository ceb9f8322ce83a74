// The options of the CompVis scripts: each means what it means there.

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "io/png.h"
#include "io/read_picture.h"
#include "tests/cli/cli_fixture.h"

namespace sd::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CompvisTest : public CliTest {
 protected:
  std::vector<uint64_t> seeds() const {
    std::vector<uint64_t> all;
    for (const Request& request : engine_.requests()) all.push_back(request.seed);
    return all;
  }

  std::vector<size_t> batch_sizes() const {
    std::vector<size_t> all;
    for (const auto& batch : engine_.batches) all.push_back(batch.size());
    return all;
  }
};

TEST_F(CompvisTest, CompatTakesTheDefaultsOfTxt2img) {
  const Outcome outcome = txt2img({"--compat", "compvis", "--W", "16", "--H", "24"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out,
            "outputs/txt2img-samples/samples/00000.png\noutputs/txt2img-samples/samples/00001.png\n"
            "outputs/txt2img-samples/samples/00002.png\noutputs/txt2img-samples/samples/00003.png\n"
            "outputs/txt2img-samples/samples/00004.png\noutputs/txt2img-samples/samples/00005.png\n"
            "outputs/txt2img-samples/grid-0000.png\n");
  EXPECT_THAT(batch_sizes(), ElementsAre(3, 3)) << "n_iter 2 of n_samples 3";
  EXPECT_THAT(seeds(), ElementsAre(42, 43, 44, 45, 46, 47));
  const Request request = engine_.requests().front();
  EXPECT_EQ(request.prompt, "a painting of a virus monster playing guitar");
  EXPECT_EQ(request.steps, 50);
  EXPECT_EQ(request.scale, 7.5);
  EXPECT_EQ(request.sampler, "ddim");
  const Picture grid = read_picture("outputs/txt2img-samples/grid-0000.png");
  EXPECT_EQ(grid.width, 2 + 3 * 18) << "n_rows is n_samples, the pictures in a row";
  EXPECT_EQ(grid.height, 2 + 2 * 26);
  EXPECT_THAT(read_png_text("outputs/txt2img-samples/grid-0000.png").at("parameters"),
              HasSubstr("a painting of a virus monster"));
}

TEST_F(CompvisTest, CompatPaintsSidesOf512) {
  txt2img({"--compat", "compvis", "--n_iter", "1", "--n_samples", "1"});
  EXPECT_EQ(engine_.requests().front().width, 512);
  EXPECT_EQ(engine_.requests().front().height, 512);
}

TEST_F(CompvisTest, CompatTakesTheDefaultsOfImg2img) {
  txt2img({"-p", "x", "-s", "9", "-o", "in.png"});
  engine_.batches.clear();
  const Outcome outcome = img2img({"--compat", "compvis", "--prompt", "y", "--init-img", "in.png"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out,
            "outputs/img2img-samples/samples/00000.png\noutputs/img2img-samples/samples/00001.png\n"
            "outputs/img2img-samples/grid-0000.png\n");
  const Request request = engine_.requests().front();
  EXPECT_EQ(request.scale, 5.0);
  EXPECT_EQ(request.strength, 0.75);
  EXPECT_FALSE(request.width.has_value()) << "the input's";
  img2img({"--compat", "compvis", "--strength", "0.3", "--init-img", "in.png"});
  EXPECT_EQ(engine_.requests().back().strength, 0.3);
}

TEST_F(CompvisTest, CompatLeavesWhatIsSaid) {
  txt2img({"--compat", "compvis",     "--prompt", "y",        "--plms", "--ddim_steps",
           "20",       "--scale",     "3",        "--seed",   "7",      "--n_iter",
           "1",        "--n_samples", "2",        "--outdir", "mine",   "--W",
           "16",       "--H",         "16"});
  EXPECT_THAT(seeds(), ElementsAre(7, 8));
  const Request request = engine_.requests().front();
  EXPECT_EQ(request.prompt, "y");
  EXPECT_EQ(request.sampler, "plms");
  EXPECT_EQ(request.steps, 20);
  EXPECT_EQ(request.scale, 3);
  EXPECT_THAT(files_here(), ElementsAre("mine"));
}

TEST_F(CompvisTest, CompatNumbersOnAndReplacesNothing) {
  const std::vector<std::string> once = {"--compat",    "compvis", "--n_iter", "1",
                                         "--n_samples", "1",       "--W",      "16",
                                         "--H",         "16",      "--outdir", "out"};
  EXPECT_EQ(txt2img(once).out, "out/samples/00000.png\nout/grid-0000.png\n");
  EXPECT_EQ(txt2img(once).out, "out/samples/00001.png\nout/grid-0001.png\n");
  std::filesystem::remove("out/samples/00000.png");
  const std::string kept = read_file("out/samples/00001.png");
  EXPECT_EQ(txt2img(once).out, "out/samples/00001-1.png\nout/grid-0002.png\n")
      << "one file is there, so the number is 1, which is taken";
  EXPECT_EQ(read_file("out/samples/00001.png"), kept);
}

TEST_F(CompvisTest, CompatPaintsALineForEachSample) {
  write_file("prompts.txt", "a\nb\nc\n");
  txt2img({"--compat", "compvis", "--from-file", "prompts.txt", "--n_samples", "2", "--n_iter", "2",
           "--W", "16", "--H", "16"});
  EXPECT_THAT(batch_sizes(), ElementsAre(2, 2, 2));
  std::string prompts;
  for (const Request& request : engine_.requests()) prompts += request.prompt;
  EXPECT_EQ(prompts, "abcabc");
}

TEST_F(CompvisTest, CompatNamesFilesItself) {
  const Outcome outcome = txt2img({"--compat", "compvis", "-o", "a.png"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--compat compvis and --output cannot stand together"));
  EXPECT_EQ(txt2img({"--compat", "invoke"}).code, 2);
}

TEST_F(CompvisTest, WritesNoGridUnlessAskedTo) {
  EXPECT_EQ(txt2img({"-p", "x", "-s", "1", "--n_samples", "2", "-o", "out/"}).out,
            "out/sd-1.png\nout/sd-2.png\n");
  const Outcome outcome = txt2img(
      {"--compat", "compvis", "--skip_grid", "--n_iter", "1", "--n_samples", "1", "--outdir", "c"});
  EXPECT_EQ(outcome.out, "c/samples/00000.png\n");
}

TEST_F(CompvisTest, WritesAGridWithNRowsPicturesInARow) {
  const Outcome outcome =
      txt2img({"-p", "x", "-s", "1", "--count", "5", "--n_rows", "2", "-o", "out/"});
  EXPECT_THAT(outcome.out, HasSubstr("out/sd-5.png\nout/grid-0000.png\n"));
  const Picture grid = read_picture("out/grid-0000.png");
  EXPECT_EQ(grid.width, 2 + 2 * 18);
  EXPECT_EQ(grid.height, 2 + 3 * 18);
  EXPECT_EQ(grid.rgb.at(static_cast<size_t>((2 * grid.width + 2) * 3)), 1) << "the first picture";
}

TEST_F(CompvisTest, SkipSaveWritesTheGridAlone) {
  const Outcome outcome =
      txt2img({"-p", "x", "-s", "1", "--count", "2", "--n_rows", "2", "--skip_save", "-o", "out/"});
  EXPECT_EQ(outcome.out, "out/grid-0000.png\n");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator("out"), {}), 1);
  const Outcome nothing = txt2img({"-p", "x", "--skip_save"});
  EXPECT_EQ(nothing.code, 2);
  EXPECT_THAT(nothing.err, HasSubstr("--skip_save leaves nothing to write"));
  const Outcome neither = txt2img({"--compat", "compvis", "--skip_save", "--skip_grid"});
  EXPECT_EQ(neither.code, 2);
}

TEST_F(CompvisTest, JsonTellsOfTheGrid) {
  const Outcome outcome = txt2img({"-p", "x", "-s", "1", "--count", "2", "--n_rows", "1",
                                   "--skip_save", "--json", "-o", "out/"});
  std::istringstream lines(outcome.out);
  std::string first, second, third;
  std::getline(lines, first);
  std::getline(lines, second);
  std::getline(lines, third);
  EXPECT_TRUE(nlohmann::json::parse(first).at("file").is_null());
  EXPECT_EQ(nlohmann::json::parse(third),
            nlohmann::json::parse(R"({"schema": 1, "grid": "out/grid-0000.png", "images": 2})"));
}

TEST_F(CompvisTest, LeavesFailedPicturesOutOfTheGrid) {
  engine_.on_paint = [](const std::vector<Request>& requests, Observer&) {
    if (requests.front().seed == 2) throw Error(ErrorKind::kNumeric, "NaN");
  };
  const Outcome outcome =
      txt2img({"-p", "x", "-s", "1", "--count", "3", "--n_rows", "3", "-o", "out/"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(read_picture("out/grid-0000.png").width, 2 + 2 * 18);
}

TEST_F(CompvisTest, TheGridAndStandardOutputCannotStandTogether) {
  const Outcome outcome = txt2img({"-p", "x", "--n_rows", "1", "-o", "-"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--n_rows and --output -"));
}

TEST_F(CompvisTest, FixedCodeRepeatsTheSeedsOfTheFirstBatch) {
  const Outcome outcome = txt2img(
      {"-p", "x", "-s", "5", "--n_samples", "2", "--n_iter", "2", "--fixed_code", "-o", "out/"});
  EXPECT_THAT(seeds(), ElementsAre(5, 6, 5, 6));
  EXPECT_EQ(outcome.out, "out/sd-5.png\nout/sd-6.png\nout/sd-5-1.png\nout/sd-6-1.png\n");
}

TEST_F(CompvisTest, PrecisionIsADtype) {
  txt2img({"-p", "x", "--precision", "full"});
  EXPECT_EQ(engine_.loads.back().dtype, "fp32");
  txt2img({"-p", "x", "--precision", "autocast"});
  EXPECT_EQ(engine_.loads.back().dtype, "auto");
  const Outcome outcome = txt2img({"-p", "x", "--precision", "full", "--dtype", "bf16"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--precision full and --dtype bf16 cannot stand together"));
}

TEST_F(CompvisTest, DpmSolverIsASampler) {
  txt2img({"-p", "x", "--dpm_solver"});
  EXPECT_EQ(engine_.requests().back().sampler, "dpmpp_2m");
  EXPECT_EQ(txt2img({"-p", "x", "--dpm_solver", "--plms"}).code, 2);
  EXPECT_EQ(txt2img({"-p", "x", "--dpm_solver", "--sampler", "ddim"}).code, 2);
}

TEST_F(CompvisTest, ChannelsAndFactorAreTheModels) {
  EXPECT_EQ(txt2img({"-p", "x", "--C", "4", "--f", "8", "-o", "a.png"}).code, 0);
  engine_.batches.clear();
  const Outcome channels = txt2img({"-p", "x", "--C", "3"});
  EXPECT_EQ(channels.code, 2);
  EXPECT_THAT(channels.err, HasSubstr("--C 3 disagrees with tiny, which has 4 channels"));
  const Outcome factor = txt2img({"-p", "x", "--f", "4"});
  EXPECT_EQ(factor.code, 2);
  EXPECT_THAT(factor.err, HasSubstr("--f 4 disagrees with tiny, which has 8 pixels to a latent"));
  EXPECT_THAT(engine_.batches, IsEmpty());
}

// The command lines of the original README.
TEST_F(CompvisTest, TheReadmesCommandLinesRun) {
  EXPECT_EQ(txt2img({"--prompt", "a photograph of an astronaut riding a horse", "--plms"}).code, 0);
  EXPECT_EQ(engine_.requests().back().sampler, "plms");
  txt2img({"-p", "x", "-s", "9", "-o", "in.png"});
  EXPECT_EQ(img2img({"--prompt", "A fantasy landscape, trending on artstation", "--init-img",
                     "in.png", "--strength", "0.8"})
                .code,
            0);
  EXPECT_EQ(engine_.requests().back().strength, 0.8);
  const std::vector<std::string> everything = {
      "--prompt", "x",          "--outdir", "all",         "--skip_grid", "--ddim_steps",
      "10",       "--n_iter",   "1",        "--H",         "16",          "--W",
      "16",       "--C",        "4",        "--f",         "8",           "--n_samples",
      "1",        "--scale",    "7.5",      "--seed",      "42",          "--precision",
      "autocast", "--ddim_eta", "0.0",      "--fixed_code"};
  EXPECT_EQ(txt2img(everything).out, "all/sd-42.png\n");
}

}  // namespace
}  // namespace sd::testing
