// Where images go, what is in them, and what happens when one fails.

#include <gmock/gmock.h>
#include <new>
#include <nlohmann/json.hpp>
#include <set>

#include "sd/error.h"
#include "sd/version.h"

#include "cli/image_report.h"
#include "io/infotext.h"
#include "io/png.h"
#include "io/read_picture.h"
#include "tests/cli/cli_fixture.h"

namespace sd::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

using PaintingTest = CliTest;

std::vector<nlohmann::json> parse_lines(const std::string& text) {
  std::vector<nlohmann::json> objects;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) objects.push_back(nlohmann::json::parse(line));
  return objects;
}

std::string file_of(const Outcome& outcome) {
  return outcome.out.substr(0, outcome.out.size() - 1);
}

TEST_F(PaintingTest, WritesTheEnginesPixels) {
  ASSERT_EQ(txt2img({"-p", "x", "-s", "77", "-o", "a.png"}).out, "a.png\n");
  const Picture picture = read_picture("a.png");
  EXPECT_EQ(picture.width, 16);
  EXPECT_EQ(picture.rgb, std::vector<uint8_t>(16 * 16 * 3, 77));
}

TEST_F(PaintingTest, WritesPngToStandardOutput) {
  txt2img({"-p", "x", "-s", "77", "-o", "a.png"});
  const Outcome outcome = txt2img({"-p", "x", "-s", "77", "-o", "-"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, read_file("a.png"));
  EXPECT_THAT(files_here(), ElementsAre("a.png"));
}

TEST_F(PaintingTest, NeverReplacesAFileThatWasNotNamed) {
  write_file("sd-3.png", "mine");
  EXPECT_EQ(txt2img({"-p", "x", "-s", "3"}).out, "sd-3-1.png\n");
  EXPECT_EQ(read_file("sd-3.png"), "mine");
}

TEST_F(PaintingTest, TreatsExistingFilesAsTold) {
  const std::vector<std::string> base = {"-p", "x", "-s", "3", "-o", "a.png"};
  const auto with = [&](const char* what) {
    std::vector<std::string> arguments = base;
    if (*what != '\0') arguments.insert(arguments.end(), {"--on-exist", what});
    write_file("a.png", "mine");
    return txt2img(arguments);
  };
  EXPECT_EQ(with("").out, "a.png\n");
  EXPECT_NE(read_file("a.png"), "mine");
  EXPECT_EQ(with("overwrite").out, "a.png\n");
  EXPECT_EQ(with("rename").out, "a-1.png\n");
  EXPECT_EQ(read_file("a.png"), "mine");
  engine_.loads.clear();
  const Outcome skipped = with("skip");
  EXPECT_EQ(skipped.code, 0);
  EXPECT_EQ(skipped.out, "");
  EXPECT_THAT(skipped.err, HasSubstr("1 image is there already and skipped"));
  EXPECT_TRUE(engine_.loads.empty()) << "nothing to paint";
  EXPECT_EQ(read_file("a.png"), "mine");
}

TEST_F(PaintingTest, SkipsOnlyWhatIsThereAndKeepsTheSeeds) {
  std::filesystem::create_directory("out");
  write_file("out/00001.png", "mine");
  const Outcome outcome = txt2img(
      {"-p", "x", "-s", "3", "--count", "3", "-o", "out/{index:05}.png", "--on-exist", "skip"});
  EXPECT_EQ(outcome.out, "out/00000.png\nout/00002.png\n");
  EXPECT_EQ(engine_.requests().at(1).seed, 5);
  EXPECT_EQ(read_file("out/00001.png"), "mine");
}

TEST_F(PaintingTest, MakesTheFolder) {
  EXPECT_EQ(txt2img({"-p", "x", "-s", "3", "--outdir", "a/b"}).out, "a/b/sd-3.png\n");
  EXPECT_EQ(txt2img({"-p", "x", "-s", "4", "-o", "c/"}).out, "c/sd-4.png\n");
  EXPECT_EQ(txt2img({"-p", "x", "-s", "5", "--outdir", "v1.5"}).out, "v1.5/sd-5.png\n");
}

TEST_F(PaintingTest, TakesFoldersByAnyName) {
  std::filesystem::create_directory("v1.5");
  EXPECT_EQ(txt2img({"-p", "x", "-s", "3", "-o", "v1.5"}).out, "v1.5/sd-3.png\n");
  EXPECT_EQ(txt2img({"-p", "x", "-s", "4", "-o", "new"}).out, "new/sd-4.png\n");
  EXPECT_EQ(txt2img({"-p", "x", "-s", "5", "-o", "{{x}}.png"}).out, "{x}.png\n");
  std::filesystem::create_symlink("new/later.png", "link.png");
  EXPECT_EQ(txt2img({"-p", "x", "-s", "6", "-o", "link.png"}).out, "new/later.png\n");
}

TEST_F(PaintingTest, NamesTellWhatIsKnownBeforePainting) {
  EXPECT_EQ(txt2img({"-p", "a/cat", "-n", "dog", "-s", "3", "-m", "tiny", "--steps", "5", "-o",
                     "{prompt}-{negative_prompt:2}-{model}-{steps}-[seed].png"})
                .out,
            "a_cat-do-tiny-5-3.png\n");
  const Outcome unknown = txt2img({"-p", "x", "-s", "4", "-o", "{steps}.png"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("--output knows the placeholders {index}, {seed}, {prompt}, "
                                     "{negative_prompt}, {model} and {date}, found the unknown "
                                     "placeholder {steps}"));
}

TEST_F(PaintingTest, MakesTheFoldersOfLatentsByTheSameRules) {
  ASSERT_EQ(
      txt2img({"-p", "x", "-s", "3", "--save-latents", "l/{seed}.safetensors", "-o", "i/"}).code,
      0);
  EXPECT_TRUE(std::filesystem::exists("l/3.safetensors"));
  EXPECT_TRUE(std::filesystem::exists("i/sd-3.png"));
}

TEST_F(PaintingTest, LeavesNoFolderWhereNothingWasPainted) {
  const std::vector<std::string> arguments = {
      "-p", "x", "--outdir", "a/b", "--save-latents", "l/{seed}.safetensors"};
  engine_.on_load = [](Observer&) {
    EXPECT_THAT(files_here(), ElementsAre()) << "not before the model is there";
    throw Error(ErrorKind::kModel, "it broke");
  };
  EXPECT_EQ(txt2img(arguments).code, 3);
  engine_.on_load = [](Observer&) {};
  engine_.on_paint = [](const std::vector<Request>&, Observer&) {
    throw Error(ErrorKind::kNumeric, "NaN in the latents");
  };
  EXPECT_EQ(txt2img(arguments).code, 7);
  engine_.on_paint = [](const std::vector<Request>&, Observer&) {
    write_file("l", "a file where the folder was to be");
  };
  EXPECT_EQ(txt2img(arguments).code, 5);
  EXPECT_EQ(sd({"txt2img", "-m", "missing", "-p", "x", "--outdir", "a/b"}).code, 3);
  EXPECT_THAT(files_here(), ElementsAre("l"));
}

TEST_F(PaintingTest, KeepsTheParametersInThePicture) {
  const Outcome outcome = txt2img({"-p",
                                   "a \"cat\", big\nand soft",
                                   "-n",
                                   "dog",
                                   "-s",
                                   "9",
                                   "--steps",
                                   "7",
                                   "--scale",
                                   "7.5",
                                   "--sampler",
                                   "euler_a",
                                   "--sigmas",
                                   "karras",
                                   "-W",
                                   "24",
                                   "--clip-skip",
                                   "1",
                                   "--guidance-rescale",
                                   "0.7",
                                   "--spacing",
                                   "trailing"});
  const auto texts = read_png_text(file_of(outcome));
  ASSERT_EQ(texts.count("parameters"), 1);
  const Infotext text = parse_infotext(texts.at("parameters"));
  EXPECT_EQ(text.prompt, "a \"cat\", big\nand soft");
  EXPECT_EQ(text.negative_prompt, "dog");
  EXPECT_THAT(
      text.fields,
      ElementsAre(Pair("Steps", "7"), Pair("Sampler", "Euler a"), Pair("Schedule type", "Karras"),
                  Pair("CFG scale", "7.5"), Pair("Seed", "9"), Pair("Size", "24x16"),
                  Pair("Model", "tiny"), Pair("Clip skip", "2"), Pair("RNG", "CPU"),
                  Pair("Guidance rescale", "0.7"), Pair("Timestep spacing", "trailing"),
                  Pair("Device", "cpu"), Pair("Dtype", "fp32"),
                  Pair("Version", std::string("sd ") + kVersion)));
}

TEST_F(PaintingTest, KeepsStrengthAndEtaInThePicture) {
  txt2img({"-p", "x", "-s", "1", "-o", "in.png"});
  const Outcome outcome = img2img({"--init-img", "in.png", "-p", "", "-s", "2", "--strength",
                                   "0.35", "--ddim_eta", "1", "--sampler", "ddim"});
  const auto parameters = read_png_text(file_of(outcome)).at("parameters");
  EXPECT_THAT(
      parameters,
      HasSubstr("Model: tiny, Denoising strength: 0.35, Init image: in.png, RNG: CPU, Eta: 1, "));
  EXPECT_THAT(parameters, HasSubstr("Sampler: DDIM, CFG scale: 7.5, Seed: 2, Size: 16x16, "));
}

TEST_F(PaintingTest, ReportsImagesAsJson) {
  const Outcome outcome = txt2img({"-p", "\xe7\x8c\xab \"x\"", "-s", "18446744073709551614",
                                   "--count", "2", "--json", "--steps", "4", "--eta", "0.5"});
  const auto objects = parse_lines(outcome.out);
  ASSERT_EQ(objects.size(), 2);
  const nlohmann::json& object = objects[1];
  EXPECT_EQ(object["schema"], 1);
  EXPECT_EQ(object["file"], "sd-18446744073709551615.png");
  EXPECT_EQ(object["index"], 1);
  EXPECT_EQ(object["seed"].get<uint64_t>(), 18446744073709551615U);
  EXPECT_EQ(object["prompt"], "\xe7\x8c\xab \"x\"");
  EXPECT_EQ(object["model"], "tiny");
  EXPECT_EQ(object["settings"]["steps"], 4);
  EXPECT_EQ(object["settings"]["sampler"], "ddim");
  EXPECT_EQ(object["settings"]["eta"], 0.5);
  EXPECT_EQ(object["settings"]["timesteps"].size(), 4);
  EXPECT_FALSE(object["settings"].contains("strength"));
  EXPECT_EQ(object["timings"]["denoise"], 2.0);
}

TEST_F(PaintingTest, ReportsWhatOnlySomeFamiliesHaveAsJson) {
  const auto report = [&](std::vector<std::string> options) {
    options.insert(options.begin(), {"-p", "x", "--json", "--on-exist", "overwrite"});
    const auto objects = parse_lines(txt2img(options).out);
    return objects.empty() ? nlohmann::json() : objects[0];
  };
  const nlohmann::json plain = report({});
  EXPECT_EQ(plain["prompt_2"], "");
  EXPECT_TRUE(plain["settings"]["max_sequence_length"].is_null());
  EXPECT_TRUE(plain["settings"]["t5"].is_null());
  EXPECT_EQ(plain["settings"]["skip_layers"], nlohmann::json::array());
  engine_.has_t5 = true;
  const nlohmann::json object =
      report({"--prompt-2", "a", "--prompt-3", "b", "--negative-prompt-2", "c",
              "--negative-prompt-3", "d", "--max-sequence-length", "77", "--skip-layers", "7,8",
              "--skip-layer-scale", "3", "--skip-layer-stop", "0.5", "--t5-dtype", "fp16"});
  EXPECT_EQ(object["prompt_2"], "a");
  EXPECT_EQ(object["prompt_3"], "b");
  EXPECT_EQ(object["negative_prompt_2"], "c");
  EXPECT_EQ(object["negative_prompt_3"], "d");
  const nlohmann::json& settings = object["settings"];
  EXPECT_EQ(settings["max_sequence_length"], 77);
  EXPECT_EQ(settings["skip_layers"], nlohmann::json({7, 8}));
  EXPECT_EQ(settings["skip_layer_scale"], 3);
  EXPECT_EQ(settings["skip_layer_start"], 0.01);
  EXPECT_EQ(settings["skip_layer_stop"], 0.5);
  EXPECT_EQ(settings["t5"], "fp16");
  EXPECT_EQ(report({"--no-t5"})["settings"]["t5"], "none");
}

TEST_F(PaintingTest, PaintsTheListOfPromptsOnceForEachCount) {
  write_file("prompts.txt", "a cat\n\n--steps 3 # not an option\r\nlast");
  const Outcome outcome = txt2img({"--from-file", "prompts.txt", "-s", "10", "--count", "2",
                                   "--batch-size", "3", "-n", "dog", "-o", "{index}.png"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  std::vector<std::pair<std::string, uint64_t>> painted;
  for (const Request& request : engine_.requests()) {
    painted.emplace_back(request.prompt, request.seed);
    EXPECT_EQ(request.negative_prompt, "dog");
  }
  EXPECT_THAT(painted,
              ElementsAre(Pair("a cat", 10), Pair("", 11), Pair("--steps 3 # not an option", 12),
                          Pair("last", 13), Pair("a cat", 14), Pair("", 15),
                          Pair("--steps 3 # not an option", 16), Pair("last", 17)));
  EXPECT_EQ(engine_.batches.at(2).size(), 2);
  EXPECT_EQ(parse_infotext(read_png_text("7.png").at("parameters")).prompt, "last");
}

TEST_F(PaintingTest, TakesOneLineForOneSampleAsCompVisDid) {
  write_file("prompts.txt", "a\nb\nc\n");
  ASSERT_EQ(txt2img({"--from-file", "prompts.txt", "--n_samples", "2", "--n_iter", "2"}).code, 0);
  EXPECT_EQ(engine_.requests().size(), 6);
  EXPECT_EQ(engine_.batches.at(0).size(), 2);
}

TEST_F(PaintingTest, GoesOnAfterANumericalFailureAndPaintsItsBatchOneByOne) {
  engine_.on_paint = [](const std::vector<Request>& requests, Observer&) {
    for (const Request& request : requests) {
      if (request.seed == 2) throw Error(ErrorKind::kNumeric, "NaN in the latents");
    }
  };
  const Outcome outcome = txt2img({"-p", "x", "-s", "1", "--count", "4", "--batch-size", "2"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out, "sd-1.png\nsd-3.png\nsd-4.png\n");
  EXPECT_THAT(outcome.err,
              AllOf(HasSubstr("sd: error: image 2 of 4 (seed 2): NaN in the latents\n"),
                    HasSubstr("sd: 1 of 4 images failed\n")));
}

TEST_F(PaintingTest, ReportsFailuresAsJson) {
  engine_.on_paint = [](const std::vector<Request>&, Observer&) {
    throw Error(ErrorKind::kNumeric, "NaN in the latents");
  };
  const Outcome outcome = txt2img({"-p", "x", "-s", "1", "--json"});
  EXPECT_EQ(outcome.code, 7) << "all images failed";
  EXPECT_EQ(outcome.err, "sd: error: the image (seed 1): NaN in the latents\n") << "no more lines";
  const auto objects = parse_lines(outcome.out);
  ASSERT_EQ(objects.size(), 1);
  EXPECT_TRUE(objects[0]["file"].is_null());
  EXPECT_EQ(objects[0]["error"], "NaN in the latents");
}

TEST_F(PaintingTest, DocumentsEveryKeyOfItsJson) {
  txt2img({"-p", "x", "-s", "1", "-o", "in.png"});
  auto lines = parse_lines(img2img({"--init-img", "in.png", "-p", "x", "--json"}).out);
  lines.push_back(
      parse_lines(txt2img({"-p", "x", "--json", "--n_rows", "1", "--skip_save"}).out).at(1));
  engine_.on_paint = [](const std::vector<Request>&, Observer&) {
    throw Error(ErrorKind::kNumeric, "NaN in the latents");
  };
  lines.push_back(parse_lines(txt2img({"-p", "x", "--json"}).out).at(0));
  std::set<std::string> printed;
  for (const nlohmann::json& line : lines) {
    for (const auto& [key, value] : line.items()) {
      if (!value.is_object()) printed.insert(key);
      if (!value.is_object()) continue;
      for (const auto& [inner, unused] : value.items()) printed.insert(key + "." + inner);
    }
  }
  std::set<std::string> documented;
  for (const HelpRow& row : report_keys()) documented.emplace(row.term);
  EXPECT_EQ(printed, documented);
}

TEST_F(PaintingTest, CountsImagesFromOneForPeopleAlsoWhereSomeAreLeftOut) {
  write_file("0.png", "mine");
  engine_.on_paint = [](const std::vector<Request>& requests, Observer& observer) {
    observer.on_progress(Phase::kDecode, 0, 1);
    if (requests.front().seed == 7) throw Error(ErrorKind::kNumeric, "NaN in the latents");
  };
  const Outcome outcome =
      txt2img({"-p", "x", "-s", "5", "--count", "3", "-o", "{index}.png", "--on-exist", "skip"});
  EXPECT_EQ(outcome.out, "1.png\n");
  EXPECT_EQ(outcome.err,
            "sd: 1 image is there already and skipped\n"
            "sd: image 2 of 3: decoding\n"
            "sd: error: image 3 of 3 (seed 7): NaN in the latents\n"
            "sd: 1 of 3 images failed\n");
}

TEST_F(PaintingTest, KeepsWhatWasMadeBeforeAnErrorThatStops) {
  engine_.on_paint = [](const std::vector<Request>& requests, Observer&) {
    if (requests.front().seed == 3) throw Error(ErrorKind::kMemory, "out of memory");
  };
  const Outcome outcome = txt2img({"-p", "x", "-s", "1", "--count", "4"});
  EXPECT_EQ(outcome.code, 6);
  EXPECT_EQ(outcome.out, "sd-1.png\nsd-2.png\n");
  EXPECT_THAT(outcome.err, HasSubstr("sd: 2 of 4 images are done\n"));
  EXPECT_THAT(files_here(), ElementsAre("sd-1.png", "sd-2.png"));
}

TEST_F(PaintingTest, ExitsWithTheCodeOfTheErrorsKind) {
  const std::vector<std::pair<ErrorKind, int>> codes = {
      {ErrorKind::kUsage, 2},     {ErrorKind::kModel, 3},  {ErrorKind::kInput, 4},
      {ErrorKind::kOutput, 5},    {ErrorKind::kMemory, 6}, {ErrorKind::kNumeric, 7},
      {ErrorKind::kTemporary, 75}};
  for (const auto& [kind, code] : codes) {
    engine_.on_load = [kind = kind](Observer&) { throw Error(kind, "it broke"); };
    const Outcome outcome = txt2img({"-p", "x", "-s", "1"});
    EXPECT_EQ(outcome.code, code);
    EXPECT_EQ(outcome.err, "sd: error: it broke\n");
  }
}

TEST_F(PaintingTest, TurnsForeignExceptionsIntoASentence) {
  engine_.on_load = [](Observer&) { throw std::runtime_error("surprise\nwith a second line"); };
  Outcome outcome = txt2img({"-p", "x", "-s", "1"});
  EXPECT_EQ(outcome.code, 70);
  EXPECT_EQ(outcome.err, "sd: error: internal error: surprise?with a second line\n");
  engine_.on_load = [](Observer&) { throw std::bad_alloc(); };
  EXPECT_EQ(txt2img({"-p", "x"}).code, 6);
  engine_.on_load = [](Observer&) { throw 5; };
  EXPECT_EQ(txt2img({"-p", "x"}).code, 70);
}

TEST_F(PaintingTest, SaysThatItTakesTheModelThatComesWithIt) {
  make_model("models/shapes-sd1");
  const Outcome outcome = sd({"txt2img", "-p", "x", "-s", "1"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(engine_.loads.at(0).model, (folder_ / "models/shapes-sd1").string());
  EXPECT_EQ(outcome.err.substr(0, outcome.err.find('\n')),
            "sd: no --model: taking shapes-sd1, a small model that comes with sd");
}

TEST_F(PaintingTest, StopsAtASignal) {
  engine_.on_paint = [this](const std::vector<Request>& requests, Observer& observer) {
    if (requests.front().seed == 2) signal_ = 15;
    if (observer.stop_requested()) throw Error(ErrorKind::kInterrupted, "stopped");
  };
  const Outcome outcome = txt2img({"-p", "x", "-s", "1", "--count", "3"});
  EXPECT_EQ(outcome.code, 143);
  EXPECT_EQ(outcome.out, "sd-1.png\n");
  EXPECT_THAT(outcome.err, HasSubstr("sd: stopped by SIGTERM\n"));
  EXPECT_THAT(files_here(), ElementsAre("sd-1.png"));
}

TEST_F(PaintingTest, SeesASignalBetweenLoadingAndPainting) {
  engine_.on_load = [this](Observer&) { signal_ = 2; };
  EXPECT_EQ(txt2img({"-p", "x"}).code, 130);
  EXPECT_TRUE(engine_.batches.empty());
}

}  // namespace
}  // namespace sd::testing
