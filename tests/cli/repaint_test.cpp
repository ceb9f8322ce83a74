// What `sd info` says of a picture is the command that asks the engine for the same picture.

#include "cli/repaint.h"

#include <gmock/gmock.h>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/cli/cli_fixture.h"

namespace sd::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Words = std::vector<std::string>;

class RepaintTest : public CliTest {
 protected:
  Words command_of(const std::string& file) {
    const Outcome outcome = sd({"info", "--json", file});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return nlohmann::json::parse(outcome.out)["command"].get<Words>();
  }

  /// Paints twice, the second time as `sd info` says, and expects the same picture of the same
  /// request.
  void expect_same(Words arguments) {
    SCOPED_TRACE(::testing::PrintToString(arguments));
    arguments.insert(arguments.end(), {"-o", "a.png", "--on-exist", "overwrite"});
    const Outcome first = sd(arguments);
    ASSERT_EQ(first.code, 0) << first.err;
    Words again = command_of("a.png");
    again.insert(again.end(), {"-o", "b.png", "--on-exist", "overwrite"});
    const Outcome second = sd(again);
    ASSERT_EQ(second.code, 0) << second.err;
    EXPECT_EQ(read_file("a.png"), read_file("b.png"));
    const std::vector<Request> requests = engine_.requests();
    const size_t count = requests.size();
    // What the first left to the model, the second says.
    const Request asked = with_settings(requests[count - 2]);
    const Request& asked_again = requests[count - 1];
    EXPECT_EQ(described(engine_.loads[engine_.loads.size() - 2], asked),
              described(engine_.loads.back(), asked_again));
  }
};

TEST_F(RepaintTest, WhatWasGivenIsGivenAgain) {
  expect_same({"txt2img", "-m", "tiny", "-p", "a cat", "-s", "9"});
  expect_same({"txt2img", "-m", "tiny", "--prompt=-a \"cat\", 'big'\n$HOME `x` \\ \t\xe9\x9b\xaa",
               "-s", "18446744073709551615", "--negative-prompt=--no"});
  expect_same({"txt2img", "-m", "tiny", "-p", "", "-s", "0", "--sampler", "dpmpp_2m", "--sigmas",
               "karras", "--spacing", "trailing", "--scale", "1.0625", "--clip-skip", "2"});
  expect_same({"txt2img",
               "-m",
               "tiny",
               "-p",
               "Negative prompt: x\nSteps: 3, Seed: 4, Size: 8x8",
               "-s",
               "1",
               "--sampler",
               "ddim",
               "--eta",
               "0.3",
               "--guidance-rescale",
               "0.7",
               "--vae-tiling",
               "-W",
               "24",
               "-H",
               "8",
               "--steps",
               "7"});
}

TEST_F(RepaintTest, WhatOnlySomeFamiliesHaveIsGivenAgain) {
  engine_.has_t5 = true;
  expect_same({"txt2img", "-m", "tiny", "-p", "a", "--prompt-2=-b, \"c\"\n", "--prompt-3", "",
               "--negative-prompt-2", "Steps: 3", "--negative-prompt-3", "\xe9\x9b\xaa",
               "--max-sequence-length", "77", "-s", "1", "--t5-dtype", "bf16"});
  expect_same({"txt2img", "-m", "tiny", "-p", "a", "-s", "1", "--no-t5", "--skip-layers", "7,8,9"});
  expect_same({"txt2img", "-m", "tiny", "-p", "a", "-s", "1", "--skip-layers", "7",
               "--skip-layer-scale=-1.5", "--skip-layer-start", "0", "--skip-layer-stop", "0.35"});
  const Words command = command_of("a.png");
  const auto at = std::ranges::find(command, "--skip-layers");
  ASSERT_NE(at, command.end());
  EXPECT_EQ(*(at + 1), "7");
}

TEST_F(RepaintTest, SizesAndPositionsAreGivenAgain) {
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
               "learned_range"});
  const Words command = command_of("a.png");
  for (const Words& words : {Words{"--resolution-binning"}, Words{"--original-size", "1024x768"},
                             Words{"--target-size", "512x384"}, Words{"--crop", "8,16"},
                             Words{"--rope-grid", "original"}, Words{"--rounded-times"},
                             Words{"--variance", "learned_range"}}) {
    EXPECT_FALSE(std::ranges::search(command, words).empty()) << words[0];
  }
  expect_same({"txt2img", "-m", "tiny", "-p", "a", "-s", "1", "--no-resolution-binning"});
  EXPECT_THAT(command_of("a.png"), ::testing::Contains("--no-resolution-binning"));
}

// The text is what is kept of it.
TEST_F(RepaintTest, ANegativePresetIsGivenAgainAsItsText) {
  expect_same({"txt2img", "-m", "tiny", "-p", "a", "-s", "1", "--negative-preset", "hunyuan"});
  const Words command = command_of("a.png");
  EXPECT_THAT(command, ::testing::Contains("--negative-prompt"));
  EXPECT_EQ(std::ranges::count(command, "--negative-preset"), 0);
}

TEST_F(RepaintTest, WhatIsAsWithoutItIsLeftOut) {
  ASSERT_EQ(txt2img({"-p", "a", "-s", "1", "-o", "a.png"}).code, 0);
  ASSERT_EQ(txt2img({"-p", "a", "-s", "1", "-o", "b.png", "--rope-grid", "diffusers"}).code, 0);
  EXPECT_EQ(command_of("a.png"), command_of("b.png"));
  EXPECT_EQ(read_file("a.png"), read_file("b.png"));
}

TEST_F(RepaintTest, WhatItStartedFromIsNamed) {
  ASSERT_EQ(
      txt2img({"-p", "x", "-s", "1", "-o", "my start.png", "--save-latents", "it's.safetensors"})
          .code,
      0);
  for (const char* strength : {"0", "0.35", "1"}) {
    expect_same({"img2img", "-m", "tiny", "--init-img", "my start.png", "-p", "x", "-s", "2",
                 "--strength", strength});
    expect_same({"img2img", "-m", "tiny", "--init-latents", "it's.safetensors", "-p", "x", "-s",
                 "2", "--strength", strength});
  }
}

// Of random commands with random prompts.
TEST_F(RepaintTest, HoldsForAnyPromptAndOptions) {
  std::mt19937 random(5);  // NOLINT(cert-msc51-cpp): the same in every run
  const auto pick = [&random](size_t count) { return random() % count; };
  const Words pieces = {"a",  " ",  "\"",         "'", "\n",       "\t",
                        ",",  ":",  "\\",         "$", "-",        "é",
                        "雪", "😀",  "{",          "}", "Steps: 3", "Negative prompt:",
                        "!",  "%s", "<lora:x:1>", "\r"};
  const auto text = [&] {
    std::string all;
    for (size_t length = pick(9); length > 0; --length) all += pieces[pick(pieces.size())];
    return all;
  };
  const std::vector<Words> options = {{"--sampler", "plms"},
                                      {"--sampler", "euler_a"},
                                      {"--sampler", "lcm"},
                                      {"--steps", "33"},
                                      {"--scale", "0.1"},
                                      {"--spacing", "linspace"},
                                      {"--guidance-rescale", "0.25"},
                                      {"--clip-skip", "1"},
                                      {"-W", "40"},
                                      {"-H", "8"},
                                      {"--vae-tiling"},
                                      {"--sigmas", "karras"},
                                      {"--max-sequence-length", "300"},
                                      {"--skip-layers", "1,2,30"},
                                      {"--resolution-binning"},
                                      {"--no-resolution-binning"},
                                      {"--original-size", "3x4000"},
                                      {"--target-size", "16384x1"},
                                      {"--crop", "0,7"},
                                      {"--rope-grid", "original"},
                                      {"--rounded-times"}};
  for (int round = 0; round < 60; ++round) {
    Words arguments = {"txt2img",
                       "-m",
                       "tiny",
                       "--prompt=" + text(),
                       "--negative-prompt=" + text(),
                       "--prompt-2=" + text(),
                       "--negative-prompt-3=" + text(),
                       "-s",
                       std::to_string(random())};
    bool has_sampler = false;
    for (const Words& option : options) {
      const bool is_sampler = option[0] == "--sampler";
      if (pick(2) == 0 || (is_sampler && has_sampler)) continue;
      has_sampler = has_sampler || is_sampler;
      arguments.insert(arguments.end(), option.begin(), option.end());
    }
    expect_same(arguments);
    if (HasFailure()) break;
  }
}

TEST_F(RepaintTest, TheCommandIsPrintedForTheShell) {
  EXPECT_EQ(print_command({"txt2img", "--prompt", "it's a $5 \"cat\"", "--steps", "3"}),
            R"(sd txt2img --prompt 'it'\''s a $5 "cat"' --steps 3)");
  EXPECT_EQ(print_command({"--prompt=a\nb\\'\x01"}), R"(sd $'--prompt=a\012b\\\'\001')");
  EXPECT_EQ(print_command({"", "é"}), "sd '' 'é'");
  ASSERT_EQ(txt2img({"-p", "a; b", "-s", "4", "-o", "a.png"}).code, 0);
  EXPECT_THAT(sd({"info", "a.png"}).out,
              HasSubstr("\nCommand: sd txt2img --prompt 'a; b' --model tiny --seed 4 --steps 20 "));
}

TEST_F(RepaintTest, ThereIsNoneWhereTheParametersSayTooLittle) {
  const Infotext whole{"cat",
                       "",
                       {{"Steps", "2"},
                        {"Sampler", "DDIM"},
                        {"CFG scale", "7.5"},
                        {"Seed", "1"},
                        {"Size", "8x16"},
                        {"Model", "tiny"},
                        {"Device", "cpu"},
                        {"Dtype", "fp32"}}};
  EXPECT_THAT(repaint_arguments(whole),
              ElementsAre("txt2img", "--prompt", "cat", "--model", "tiny", "--seed", "1", "--steps",
                          "2", "--scale", "7.5", "--device", "cpu", "--dtype", "fp32", "--width",
                          "8", "--height", "16", "--sampler", "ddim"));
  for (size_t i = 0; i < whole.fields.size(); ++i) {
    Infotext less = whole;
    less.fields.erase(less.fields.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_THAT(repaint_arguments(less), IsEmpty()) << whole.fields[i].first;
  }
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, std::string>>{{"Denoising strength", "0.5"},
                                                        {"Clip skip", "many"},
                                                        {"Clip skip", "0"},
                                                        {"Resolution binning", "maybe"}}) {
    Infotext more = whole;
    more.fields.emplace_back(key, value);
    EXPECT_THAT(repaint_arguments(more), IsEmpty()) << key << " " << value;
  }
}

TEST_F(RepaintTest, PicturesOfOtherProgramsHaveNone) {
  const std::string file = std::string(SD_TEST_DATA) + "/metadata/a1111.png";
  EXPECT_TRUE(nlohmann::json::parse(sd({"info", "--json", file}).out)["command"].is_null());
  EXPECT_EQ(sd({"info", file}).out.find("Command:"), std::string::npos);
}

}  // namespace
}  // namespace sd::testing
