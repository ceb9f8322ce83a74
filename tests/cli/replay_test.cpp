// `sd replay` and `sd batch PICTURE`: the engine is asked for what it was asked for then.

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "io/infotext.h"
#include "io/picture_format.h"
#include "io/read_picture.h"
#include "tests/cli/cli_fixture.h"

namespace sd::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

using Words = std::vector<std::string>;
using Fields = std::vector<std::pair<std::string, std::string>>;

class ReplayTest : public CliTest {
 protected:
  Outcome replay(Words arguments) {
    arguments.insert(arguments.begin(), {"replay", "-o", "again"});
    return sd(arguments);
  }

  /// Paints twice, the second time by `sd replay`, and expects the same file of the same request.
  void expect_same(Words arguments, const std::string& file = "a.png") {
    SCOPED_TRACE(::testing::PrintToString(arguments));
    const Words run = arguments;
    arguments.insert(arguments.end(), {"-o", file, "--on-exist", "overwrite"});
    const Outcome first = sd(arguments);
    ASSERT_EQ(first.code, 0) << first.err;
    Words again = {file, "--on-exist", "overwrite", "--format", file.substr(file.find('.') + 1)};
    for (const char* option : {"--vae-tiling", "--variant=fp16", "--no-t5", "--t5-dtype=bf16"}) {
      if (std::ranges::find(run, option) != run.end()) again.emplace_back(option);
    }
    const Outcome second = replay(again);
    ASSERT_EQ(second.code, 0) << second.err;
    EXPECT_EQ(second.err.find("warning"), std::string::npos) << second.err;
    EXPECT_EQ(read_file(file), read_file("again/00000" + file.substr(file.find('.'))));
    const std::vector<Request> requests = engine_.requests();
    const size_t count = requests.size();
    EXPECT_EQ(
        described(engine_.loads[engine_.loads.size() - 2], with_settings(requests[count - 2])),
        described(engine_.loads.back(), requests[count - 1]));
  }

  /// A picture whose parameters have these fields beside those that are needed.
  static void write_picture(const std::string& file, const Fields& fields) {
    Infotext text{"a cat",
                  "",
                  {{"Steps", "20"},
                   {"Sampler", "DDIM"},
                   {"CFG scale", "7.5"},
                   {"Seed", "5"},
                   {"Size", "16x16"}}};
    text.fields.insert(text.fields.end(), fields.begin(), fields.end());
    const Picture picture = {8, 8, std::vector<uint8_t>(8 * 8 * 3)};
    const auto bytes = encode_picture(picture, print_infotext(text)).bytes;
    write_file(file, {bytes.begin(), bytes.end()});
  }

  /// The run must end with 2 before anything is painted, and say this.
  void expect_refused(const Words& arguments, const std::string& part) {
    SCOPED_TRACE(::testing::PrintToString(arguments));
    const size_t before = engine_.batches.size();
    const Outcome outcome = replay(arguments);
    EXPECT_EQ(outcome.code, 2) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(part));
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(engine_.batches.size(), before);
    EXPECT_FALSE(fs::exists("again"));
  }
};

TEST_F(ReplayTest, APictureIsPaintedAgain) {
  for (const char* file : {"a.png", "a.jpg", "a.webp"}) {
    expect_same({"txt2img", "-m", "tiny", "-p", "a \"cat\",\nbig", "-n", "dog", "-s", "9"}, file);
  }
  expect_same({"txt2img", "-m", "tiny", "-p", "", "-s", "18446744073709551615", "--sampler",
               "dpmpp_2m", "--sigmas", "karras", "--spacing", "trailing", "--scale", "1.0625",
               "--clip-skip", "2"});
  expect_same({"txt2img", "-m", "tiny", "-p", "x", "-s", "1", "--eta", "0.3", "--guidance-rescale",
               "0.7", "--vae-tiling", "--variant=fp16", "-W", "24", "-H", "8", "--steps", "7"});
}

TEST_F(ReplayTest, WhatOnlySomeFamiliesHaveIsPaintedAgain) {
  engine_.has_t5 = true;
  for (const char* file : {"a.png", "a.jpg", "a.webp"}) {
    expect_same({"txt2img", "-m", "tiny", "-p", "a", "--prompt-2", "b, \"c\"\n", "--prompt-3",
                 " d ", "--negative-prompt-2", "e", "--negative-prompt-3", "f",
                 "--max-sequence-length", "77", "-s", "1", "--t5-dtype=bf16"},
                file);
    expect_same({"txt2img", "-m", "tiny", "-p", "a", "-s", "1", "--no-t5", "--skip-layers", "7,8",
                 "--skip-layer-scale", "3", "--skip-layer-start", "0", "--skip-layer-stop", "0.5"},
                file);
    expect_same({"txt2img",
                 "-m",
                 "tiny",
                 "-p",
                 "a",
                 "-s",
                 "1",
                 "--resolution-binning",
                 "--original-size",
                 "1024x768",
                 "--target-size",
                 "512x384",
                 "--crop",
                 "8,16",
                 "--rope-grid",
                 "original",
                 "--rounded-times",
                 "--sampler",
                 "ddpm",
                 "--variance",
                 "learned_range",
                 "--negative-preset",
                 "hunyuan"},
                file);
    expect_same({"txt2img", "-m", "tiny", "-p", "a", "-s", "1", "--no-resolution-binning"}, file);
  }
}

TEST_F(ReplayTest, SaysWhereT5IsOtherwise) {
  engine_.has_t5 = true;
  const Fields own = {{"Model", "tiny"},
                      {"RNG", "CPU"},
                      {"Device", "cpu"},
                      {"Dtype", "fp32"},
                      {"Version", "sd 0.1.0"}};
  const auto said = [&](const Fields& more, const Words& options) {
    Fields fields = own;
    fields.insert(fields.end(), more.begin(), more.end());
    write_picture("a.png", fields);
    Words arguments = {"a.png", "--on-exist", "overwrite"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const std::string err = replay(arguments).err;
    const size_t at = err.find("painted with ");
    return at == err.npos ? "" : err.substr(at, err.find(": pixels") - at);
  };
  EXPECT_EQ(said({}, {}), "");
  EXPECT_EQ(said({{"T5", "none"}}, {"--no-t5"}), "");
  EXPECT_EQ(said({{"T5 dtype", "bf16"}}, {"--t5-dtype", "bf16"}), "");
  EXPECT_EQ(said({{"T5", "none"}}, {}), "painted with --no-t5, and here T5 takes part");
  EXPECT_EQ(said({}, {"--no-t5"}), "painted with T5, and here is --no-t5");
  EXPECT_EQ(said({{"T5 dtype", "bf16"}}, {}), "painted with --t5-dtype bf16, and here is fp32");
  EXPECT_EQ(said({}, {"--t5-dtype", "fp16"}), "painted with --t5-dtype fp32, and here is fp16");
}

TEST_F(ReplayTest, WhatItStartedFromIsFound) {
  ASSERT_EQ(
      txt2img({"-p", "x", "-s", "1", "-o", "start.png", "--save-latents", "l.safetensors"}).code,
      0);
  for (const char* strength : {"0", "0.35", "1"}) {
    for (const auto& [option, file] :
         {std::pair("--init-img", "start.png"), std::pair("--init-latents", "l.safetensors")}) {
      expect_same(
          {"img2img", "-m", "tiny", option, file, "-p", "x", "-s", "2", "--strength", strength});
    }
  }
}

TEST_F(ReplayTest, SeveralPicturesKeepTheirOrder) {
  for (const char* seed : {"3", "1", "2"}) {
    ASSERT_EQ(txt2img({"-p", "x", "-s", seed, "-o", std::string(seed) + ".png"}).code, 0);
  }
  const Outcome outcome = replay({"3.png", "1.png", "2.png"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "again/00000.png\nagain/00001.png\nagain/00002.png\n");
  EXPECT_EQ(read_picture("again/00000.png").rgb[0], 3);
  EXPECT_EQ(read_picture("again/00002.png").rgb[0], 2);
  EXPECT_THAT(outcome.err, AllOf(Not(HasSubstr("seed ")), Not(HasSubstr("no --model"))))
      << "each says its own";
}

TEST_F(ReplayTest, ChangesHoldForAllPictures) {
  ASSERT_EQ(txt2img({"-p", "x", "-s", "3", "-o", "a.png"}).code, 0);
  ASSERT_EQ(txt2img({"-p", "y", "-s", "4", "-o", "b.png"}).code, 0);
  const Outcome outcome =
      replay({"a.png", "b.png", "--set", "steps=30", "--set", "negative-prompt=dog=cat"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const std::vector<Request> requests = engine_.requests();
  ASSERT_THAT(requests, SizeIs(4));
  for (size_t i = 2; i < 4; ++i) {
    EXPECT_EQ(requests[i].prompt, requests[i - 2].prompt);
    EXPECT_EQ(requests[i].seed, requests[i - 2].seed);
    EXPECT_EQ(requests[i].steps, 30);
    EXPECT_EQ(requests[i].negative_prompt, "dog=cat");
  }
}

TEST_F(ReplayTest, ACountMakesMoreOfOnePicture) {
  ASSERT_EQ(txt2img({"-p", "x", "-s", "3", "-o", "a.png"}).code, 0);
  ASSERT_EQ(replay({"a.png", "--set", "count=3"}).code, 0);
  EXPECT_EQ(read_picture("again/00000.png").rgb[0], 3);
  EXPECT_EQ(read_picture("again/00002.png").rgb[0], 5);
}

TEST_F(ReplayTest, ARunIsResumed) {
  ASSERT_EQ(txt2img({"-p", "x", "-s", "3", "--count", "2", "-o", "{index}.png"}).code, 0);
  ASSERT_EQ(replay({"0.png", "1.png"}).code, 0);
  const std::string whole = read_file("again/00001.png");
  fs::remove("again/00001.png");
  engine_.batches.clear();
  const Outcome outcome = replay({"0.png", "1.png", "--resume"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "again/00001.png\n");
  EXPECT_EQ(read_file("again/00001.png"), whole);
  EXPECT_THAT(engine_.requests(), SizeIs(1));
  const Outcome other = replay({"0.png", "1.png", "--set", "steps=3", "--resume"});
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.err, HasSubstr("steps is 20 there and 3 here"));
}

TEST_F(ReplayTest, ADryRunPaintsNothing) {
  ASSERT_EQ(txt2img({"-p", "x", "-s", "3", "-o", "a.png"}).code, 0);
  engine_.batches.clear();
  const Outcome outcome = replay({"a.png", "--dry-run"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "00000.png\t16x16\t20 steps\tddim\tseed 3\tx\n");
  EXPECT_THAT(engine_.batches, IsEmpty());
  EXPECT_FALSE(fs::exists("again"));
}

TEST_F(ReplayTest, BatchTakesPicturesAsJobs) {
  for (const char* seed : {"1", "2"}) {
    ASSERT_EQ(txt2img({"-p", "x", "-s", seed, "-o", std::string(seed) + ".webp"}).code, 0);
  }
  const Outcome outcome = sd({"batch", "1.webp", "2.webp", "-o", "again", "--count", "2"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(engine_.requests(), SizeIs(2 + 4));
  EXPECT_EQ(read_picture("again/00001.png").rgb[0], 2) << "what the pictures do not say is as said";
  EXPECT_EQ(read_picture("again/00002.png").rgb[0], 2);

  write_file("jobs.txt", "a cat\n");
  const Outcome mixed = sd({"batch", "1.webp", "jobs.txt", "-o", "mixed"});
  EXPECT_EQ(mixed.code, 2);
  EXPECT_THAT(mixed.err, HasSubstr("sd batch expects one file of jobs, or several pictures, found "
                                   "2 files, of which 'jobs.txt' is no PNG, JPEG or WebP picture"));
}

TEST_F(ReplayTest, SaysWhereItIsComputedOtherwise) {
  const Fields own = {{"Model", "tiny"},
                      {"RNG", "CPU"},
                      {"Device", "cpu"},
                      {"Dtype", "bf16"},
                      {"Version", "sd 0.1.0"}};
  for (const char* file : {"a.png", "b.png", "c.png"}) write_picture(file, own);
  const Outcome dtype = replay({"a.png", "b.png", "c.png", "--on-exist", "overwrite"});
  EXPECT_EQ(dtype.code, 0);
  EXPECT_THAT(dtype.err, HasSubstr("warning: a.png and 2 others were painted with --dtype bf16, "
                                   "and here is fp32: pixels may differ\n"));
  Fields fields = own;
  fields[2].second = "cuda:1";
  fields[3].second = "fp32";
  fields.insert(fields.end(), {{"Variant", "fp16"}, {"VAE tiling", "True"}});
  write_picture("a.png", fields);
  const std::string err = replay({"a.png", "--on-exist", "overwrite"}).err;
  EXPECT_THAT(err, AllOf(HasSubstr("painted with --device cuda:1, and here is cpu"),
                         HasSubstr("painted with --variant fp16, and here is none"),
                         HasSubstr("painted with --vae-tiling, and here is none"),
                         Not(HasSubstr("dtype"))));
}

TEST_F(ReplayTest, OtherProgramsPicturesAreTakenAsFarAsTheyGo) {
  const std::string file = std::string(SD_TEST_DATA) + "/metadata/a1111.png";
  const Outcome outcome = replay({file, "--set", "model=tiny"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(
      outcome.err,
      HasSubstr("warning: " + file +
                ": sd has no equal of all that it was made with, so that another picture "
                "comes of it: Lora hashes, noise of another generator than that of the CPU "
                "(RNG), <lora:...> in the prompt, weights in the prompt, as in (red:1.3)\n"));
  const Request request = engine_.requests().at(0);
  EXPECT_EQ(request.prompt, "a cat, (sitting:1.2) on a mat <lora:fur:0.8>,\nmasterpiece");
  EXPECT_EQ(request.sampler + " " + request.sigmas, "dpmpp_2m karras");
  EXPECT_EQ(request.seed, 3141592653);
  EXPECT_EQ(request.clip_skip, 1);
}

TEST_F(ReplayTest, APictureWithoutASeedTakesARandomOne) {
  Infotext text{"a cat", "", {{"Steps", "20"}, {"Sampler", "DDIM"}, {"Size", "16x16"}}};
  const auto bytes = encode_picture({8, 8, std::vector<uint8_t>(8 * 8 * 3)}, print_infotext(text));
  write_file("a.png", {bytes.bytes.begin(), bytes.bytes.end()});
  random_seed_ = 77;
  const Outcome outcome = replay({"a.png", "-m", "tiny"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.err, HasSubstr("sd: seed 77\n"));
  EXPECT_EQ(engine_.requests().at(0).seed, 77);
}

TEST_F(ReplayTest, WhatCannotBePaintedAgainIsNamedBeforeAnythingIs) {
  const std::string none = std::string(SD_TEST_DATA) + "/metadata/none.png";
  expect_refused({none},
                 "error: " + none + ": expected the parameters it was painted with, found none");
  write_picture("sampler.png", {{"Sampler", "Restart"}});
  expect_refused({"sampler.png"}, "error: sampler.png: Sampler expects ddim, plms");
  write_picture("model.png", {{"Model", "v1-5"}});
  expect_refused({"model.png"}, "error: model.png: Model: there is no model 'v1-5': looked for ");
  expect_refused({"model.png"}, "(sd replay --set model=NAME takes another one)");
  write_picture("start.png", {{"Denoising strength", "0.5"}, {"Init image", "s.png"}});
  expect_refused({"start.png"},
                 "error: start.png: Init image: there is no file 's.png' beside the picture or in "
                 "the current folder (sd replay --set init_img=PATH says where it is)");
  expect_refused({"start.png", "-m", "tiny", "--set", "init_img=t.png"},
                 "start.png: init_img: there is no file 't.png'");
  write_picture("size.png", {{"Model", "tiny"}, {"Size", "16x16384000"}});
  expect_refused({"size.png"}, "error: size.png: Size expects a whole number from 8 to 16384");
  expect_refused({"gone.png"}, "gone.png");
}

TEST_F(ReplayTest, OneWrongPictureKeepsTheOthersFromBeingPainted) {
  ASSERT_EQ(txt2img({"-p", "x", "-s", "3", "-o", "a.png"}).code, 0);
  write_picture("b.png", {{"Sampler", "Restart"}});
  expect_refused({"a.png", "b.png"}, "b.png: Sampler expects");
  expect_refused({"a.png", "b.png"},
                 "a.png and 1 more: nothing was painted, because of this error");
}

TEST_F(ReplayTest, WrongOptionsAreNamed) {
  ASSERT_EQ(txt2img({"-p", "x", "-s", "3", "-o", "a.png"}).code, 0);
  expect_refused({"a.png", "--set", "stepz=3"}, "--set: expected a key such as prompt or steps");
  expect_refused({"a.png", "--set", "steps=0"}, "--set: steps expects a whole number from 1");
  expect_refused({"a.png", "--set", "steps"}, "--set expects a key and its value");
  expect_refused({"a.png", "--set", "eta=0.5", "--set", "sampler=euler"},
                 "a.png: eta belongs to the sampler ddim, found euler");
  expect_refused({"a.png", "--set", "skip_layer_stop=1"},
                 "a.png: skip_layer_stop expects skip_layers beside it");
  expect_refused({"a.png", "--set", "crop=8"}, "--set: crop expects TOP,LEFT, two whole numbers");
  expect_refused({"a.png", "--set", "variance=fixed_large"},
                 "a.png: variance belongs to the sampler ddpm, found ddim");
  expect_refused({"a.png", "--set", "negative_preset=hunyuan", "--set", "negative_prompt=x"},
                 "a.png: negative_preset and negative_prompt cannot stand together");
  expect_refused({}, "IMAGE is needed");
  const Outcome no_folder = sd({"replay", "a.png"});
  EXPECT_EQ(no_folder.code, 2);
  EXPECT_THAT(no_folder.err, HasSubstr("--output is needed"));
}

}  // namespace
}  // namespace sd::testing
