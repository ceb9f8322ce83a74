#include "jobs/grid_axes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "tests/support/errors.h"

namespace sd {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

std::vector<std::string> values_of(const std::string& text) {
  return parse_axis("--x", text).values;
}

std::string error(const std::string& text) {
  return error_of([&] { parse_axis("--x", text); }, ErrorKind::kUsage);
}

TEST(ParseAxis, TakesAKeyAndAList) {
  const GridAxis axis = parse_axis("--x", "steps=10,20,30");
  EXPECT_EQ(axis.flag, "--x");
  EXPECT_EQ(axis.key, "steps");
  EXPECT_THAT(axis.values, ElementsAre("10", "20", "30"));
  EXPECT_THAT(values_of(" sampler = ddim , euler "), ElementsAre("ddim", "euler"));
  EXPECT_THAT(values_of("scale=7.5"), ElementsAre("7.5"));
}

TEST(ParseAxis, KnowsTheKeysOfJobsByTheirOtherNames) {
  EXPECT_EQ(parse_axis("--x", "cfg_scale=3,5").key, "scale");
  EXPECT_EQ(parse_axis("--x", "clip-skip=1,2").key, "clip_skip");
  EXPECT_EQ(parse_axis("--x", "prompt-sr=a,b").key, "prompt_sr");
}

TEST(ParseAxis, TakesQuotesAsCsvDoes) {
  EXPECT_THAT(values_of("prompt=\"a, b\",c"), ElementsAre("a, b", "c"));
  EXPECT_THAT(values_of("prompt= \" a \"\"big\"\" cat \" , b \"c\" "),
              ElementsAre(" a \"big\" cat ", "b \"c\""));
  EXPECT_THAT(values_of("prompt=a=b,\"\""), ElementsAre("a=b", ""));
  EXPECT_THAT(values_of("steps=\"10\",\"20-22\""), ElementsAre("10", "20", "21", "22"));
}

TEST(ParseAxis, TextsMayBeEmpty) {
  EXPECT_THAT(values_of("negative_prompt=,ugly"), ElementsAre("", "ugly"));
  EXPECT_THAT(values_of("prompt_sr=red,,blue"), ElementsAre("red", "", "blue"));
}

TEST(ParseAxis, ExpandsRangesWithAStep) {
  EXPECT_THAT(values_of("scale=3:9:2"), ElementsAre("3", "5", "7", "9"));
  EXPECT_THAT(values_of("scale=3:8:2"), ElementsAre("3", "5", "7"));
  EXPECT_THAT(values_of("seed=1:4"), ElementsAre("1", "2", "3", "4"));
  EXPECT_THAT(values_of("steps=30:10:-10"), ElementsAre("30", "20", "10"));
  EXPECT_THAT(values_of("steps=3:1"), ElementsAre("3", "2", "1"));
  EXPECT_THAT(values_of("steps=5:5:7"), ElementsAre("5"));
  EXPECT_THAT(values_of("scale= 1 : 2 : .5 ,9"), ElementsAre("1", "1.5", "2", "9"));
}

TEST(ParseAxis, RangesAreExactInDecimals) {
  EXPECT_THAT(values_of("eta=0:1:0.1"),
              ElementsAre("0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1"));
  EXPECT_THAT(values_of("strength=0.05:0.2:0.05"), ElementsAre("0.05", "0.1", "0.15", "0.2"));
  EXPECT_THAT(values_of("scale=10.:11:1.0"), ElementsAre("10", "11"));
  EXPECT_THAT(values_of("seed=999999999999998:999999999999999"),
              ElementsAre("999999999999998", "999999999999999"));
}

TEST(ParseAxis, ExpandsTheRangesOfA1111) {
  EXPECT_THAT(values_of("steps=1-5"), ElementsAre("1", "2", "3", "4", "5"));
  EXPECT_THAT(values_of("steps=1-10 (+2)"), ElementsAre("1", "3", "5", "7", "9"));
  EXPECT_THAT(values_of("steps=10-5(-2)"), ElementsAre("10", "8", "6"));
  EXPECT_THAT(values_of("steps=1-10 [5]"), ElementsAre("1", "3", "5", "7", "10"));
  EXPECT_THAT(values_of("scale=1-10 [5]"), ElementsAre("1", "3.25", "5.5", "7.75", "10"));
  EXPECT_THAT(values_of("strength=0-1 [4]"), ElementsAre("0", "0.33333333", "0.66666667", "1"));
  EXPECT_THAT(values_of("scale=9-3 [3]"), ElementsAre("9", "6", "3"));
  EXPECT_THAT(values_of("scale=4-9 [1]"), ElementsAre("4"));
  EXPECT_THAT(values_of("scale= 1 - 2 ( 0.5 ) , 7"), ElementsAre("1", "1.5", "2", "7"));
}

TEST(ParseAxis, TakesWhatOnlySomeFamiliesHave) {
  EXPECT_THAT(values_of("max_sequence_length=64-128 (+32)"), ElementsAre("64", "96", "128"));
  EXPECT_THAT(values_of("skip_layer_scale=0:4:2"), ElementsAre("0", "2", "4"));
  EXPECT_THAT(values_of("prompt_2=1-5,\"a, b\","), ElementsAre("1-5", "a, b", ""));
  EXPECT_THAT(values_of("skip_layers=none,7,\"7,8\",7 8 9"),
              ElementsAre("none", "7", "7,8", "7 8 9"));
  EXPECT_THAT(values_of("resolution_binning=true,false"), ElementsAre("true", "false"));
  EXPECT_THAT(values_of("original_size=1024x1024,512x768"), ElementsAre("1024x1024", "512x768"));
  EXPECT_THAT(values_of("crop=\"0,16\",8 24"), ElementsAre("0,16", "8 24"));
  EXPECT_THAT(values_of("rope_grid=diffusers,original"), ElementsAre("diffusers", "original"));
  EXPECT_THAT(values_of("variance=fixed_small,learned_range"),
              ElementsAre("fixed_small", "learned_range"));
  EXPECT_EQ(error("crop=0,16"),
            "--x crop expects TOP,LEFT, two whole numbers from 0 to 16384, found '0'");
  EXPECT_EQ(error("skip_layers=7-9"),
            "--x skip_layers expects whole numbers from 0 to 999 with commas between, or none, "
            "found '7-9'");
  EXPECT_EQ(axis_label(parse_axis("--x", "skip_layers=\"7,8\""), 0), "skip layers: 7,8");
}

TEST(ParseAxis, RangesStandInLists) {
  EXPECT_THAT(values_of("steps=1-3,10,20:30:10"), ElementsAre("1", "2", "3", "10", "20", "30"));
}

TEST(ParseAxis, TextsAndNamesAreNoRanges) {
  EXPECT_THAT(values_of("prompt=1-5,3:9:2"), ElementsAre("1-5", "3:9:2"));
  EXPECT_THAT(values_of("model=1-5"), ElementsAre("1-5"));
}

TEST(ParseAxis, TakesAThousandValuesAndNoMore) {
  EXPECT_THAT(values_of("seed=1-1000"), SizeIs(1000));
  EXPECT_EQ(error("seed=1-1001"),
            "--x seed expects a range of at most 1000 numbers, found '1-1001'");
  EXPECT_EQ(error("seed=1:999999999999999"),
            "--x seed expects a range of at most 1000 numbers, found '1:999999999999999'");
  EXPECT_EQ(error("scale=1-2 [1001]"),
            "--x scale expects a range of at most 1000 numbers, found '1-2 [1001]'");
  EXPECT_EQ(
      error("scale=1-2 [99999999999999999999]"),
      "--x scale expects a range of at most 1000 numbers, found '1-2 [99999999999999999999]'");
  EXPECT_EQ(error("seed=1-1000,5000"), "--x expects at most 1000 values of seed, found 1001");
}

TEST(ParseAxis, RefusesRangesThatLeadNowhere) {
  EXPECT_EQ(error("scale=1:5:0"), "--x scale expects a range whose step is not 0, found '1:5:0'");
  EXPECT_EQ(error("scale=1-5 (0.0)"),
            "--x scale expects a range whose step is not 0, found '1-5 (0.0)'");
  for (const char* range : {"1:5:-1", "5:1:1", "5-1 (+1)", "1-5 (-1)"}) {
    EXPECT_EQ(error("scale=" + std::string(range)),
              "--x scale expects a range whose step leads from its start to its end, found '" +
                  std::string(range) + "'");
  }
  EXPECT_EQ(error("scale=1-5 [0]"),
            "--x scale expects a range of at least 1 number, found '1-5 [0]'");
}

TEST(ParseAxis, RefusesWhatIsNoRangeOfPlainNumbers) {
  for (const char* range :
       {"1:nan:2", "1:inf", "1:2:3:4", ":2", "1:", "a:b", "1:2:", "1e1:20", "1..2:3", ".:2"}) {
    EXPECT_EQ(error("scale=" + std::string(range)),
              "--x scale expects a range of plain numbers such as 1:5 or 3:9:2, found '" +
                  std::string(range) + "'");
  }
  for (const char* range : {"1-", "1-a", "1-5 (2", "1-5 (x)", "1-5 [2", "1-5 [2.5]", "1-5 [-2]",
                            "1-5 [+2]", "1-5 []", "1-5 7", "1-5-9"}) {
    EXPECT_EQ(error("scale=" + std::string(range)),
              "--x scale expects a range such as 1-5, 1-10 (+2) or 1-10 [5], found '" +
                  std::string(range) + "'");
  }
  EXPECT_EQ(error("scale=1:1000000000000000:3"),
            "--x scale expects a range of numbers of at most 15 digits, found "
            "'1:1000000000000000:3'");
  EXPECT_EQ(error("scale=1:10000000000000:0.001"),
            "--x scale expects a range of numbers of at most 15 digits, found "
            "'1:10000000000000:0.001'");
}

TEST(ParseAxis, RefusesValuesThatTheKeyDoesNotTake) {
  EXPECT_EQ(error("steps=10,x"), "--x steps expects a whole number from 1 to 1000, found 'x'");
  EXPECT_EQ(error("steps=0-5"), "--x steps expects a whole number from 1 to 1000, found '0'");
  EXPECT_EQ(error("steps=1:2:0.5"), "--x steps expects a whole number from 1 to 1000, found '1.5'");
  EXPECT_EQ(error("scale=inf"), "--x scale expects a number from 0 to 1000, found 'inf'");
  EXPECT_EQ(error("prompt=a,\xff"), "--x prompt expects text in UTF-8, found bytes that are not");
  EXPECT_EQ(error("prompt_sr=a,\xff"),
            "--x prompt_sr expects text in UTF-8, found bytes that are not");
  EXPECT_THAT(error("sampler=ddim,eulr"), testing::StartsWith("--x sampler expects "));
}

TEST(ParseAxis, RefusesWhatIsNoAxis) {
  for (const char* text : {"", "steps", "steps=", "steps=  ", "10,20"}) {
    EXPECT_EQ(error(text), "--x expects a key and its values, such as steps=10,20,30, found '" +
                               std::string(text) + "'");
  }
  EXPECT_EQ(error("stepz=1,2"),
            "--x: expected a key such as prompt or steps, found 'stepz' (did you "
            "mean steps?)");
  EXPECT_EQ(error("=1,2"), "--x: expected a key such as prompt or steps, found ''");
  EXPECT_EQ(error("count=1,2"), "--x expects a key that changes a picture, found count");
  EXPECT_EQ(error("output=a,b"), "--x expects a key that changes a picture, found output");
}

TEST(ParseAxis, RefusesListsThatAreWrong) {
  EXPECT_EQ(error("steps=10,,20"),
            "--x steps expects a value between commas, found none in 'steps=10,,20'");
  EXPECT_EQ(error("steps=10,"),
            "--x steps expects a value between commas, found none in 'steps=10,'");
  EXPECT_EQ(error("prompt=\"a, b"), "--x prompt found a quote without its second one, in '\"a, b'");
  EXPECT_EQ(error("prompt=\"a\" b,c"),
            "--x prompt expects a comma after a value in quotes, found 'b,c'");
  EXPECT_EQ(error("steps=10,20,5-10"), "--x steps expects different values, found '10' twice");
  EXPECT_EQ(error("prompt_sr=red"),
            "--x prompt_sr expects the text to search for and at least one "
            "to put in its place, found one text");
  EXPECT_EQ(error("prompt_sr=,red"),
            "--x prompt_sr expects the text to search for and at least one "
            "to put in its place, found an empty text to search for");
}

TEST(SetAxisValue, GivesTheJobTheValue) {
  Job job;
  set_axis_value(job, parse_axis("--x", "steps=10,20"), 1);
  set_axis_value(job, parse_axis("--y", "prompt=a,\"b, c\""), 1);
  set_axis_value(job, parse_axis("--z", "seed=3,4"), 0);
  EXPECT_EQ(job.request.steps, 20);
  EXPECT_EQ(job.request.prompt, "b, c");
  EXPECT_EQ(job.seed, 3u);
}

TEST(SetAxisValue, ReplacesTextInBothPrompts) {
  const GridAxis axis = parse_axis("--x", "prompt_sr=red,dark red,");
  const auto prompts = [&](size_t index) {
    Job job;
    job.request.prompt = "red on red";
    job.request.negative_prompt = "reddish";
    set_axis_value(job, axis, index);
    return job.request.prompt + " | " + job.request.negative_prompt;
  };
  EXPECT_EQ(prompts(0), "red on red | reddish");
  EXPECT_EQ(prompts(1), "dark red on dark red | dark reddish");
  EXPECT_EQ(prompts(2), " on  | dish");
}

TEST(SetAxisValue, ReplacesTextInThePromptsOfFurtherTextEncoders) {
  const GridAxis axis = parse_axis("--x", "prompt_sr=red,blue");
  Job job;
  job.request.prompt = "a circle";
  job.request.prompt_3 = "a red circle";
  job.request.negative_prompt_2 = "red";
  set_axis_value(job, axis, 1);
  EXPECT_EQ(job.request.prompt_3, "a blue circle");
  EXPECT_EQ(job.request.negative_prompt_2, "blue");
}

TEST(SetAxisValue, ComplainsOfATextThatIsInNoPrompt) {
  const GridAxis axis = parse_axis("--y", "prompt_sr=red,blue");
  Job job;
  job.request.prompt = "a green circle";
  EXPECT_EQ(
      error_of([&] { set_axis_value(job, axis, 1); }, ErrorKind::kUsage),
      "--y prompt_sr expects a text that is in the prompt or the negative prompt, found 'red'");
  job.request.negative_prompt = "red";
  set_axis_value(job, axis, 1);
  EXPECT_EQ(job.request.negative_prompt, "blue");
}

TEST(AxisLabel, SaysKeyAndValue) {
  EXPECT_EQ(axis_label(parse_axis("--x", "cfg_scale=3,7.5"), 1), "scale: 7.5");
  EXPECT_EQ(axis_label(parse_axis("--x", "guidance_rescale=0.7"), 0), "guidance rescale: 0.7");
  EXPECT_EQ(axis_label(parse_axis("--x", "negative_prompt=,ugly"), 1), "negative prompt: ugly");
}

TEST(AxisLabel, SaysThePromptAlone) {
  EXPECT_EQ(axis_label(parse_axis("--x", "prompt=a red cat,b"), 0), "a red cat");
  EXPECT_EQ(axis_label(parse_axis("--x", "prompt_sr=red,blue"), 1), "blue");
}

TEST(AxisLabel, SaysTheModelWithoutItsFolder) {
  const GridAxis axis = parse_axis("--x", "model=/models/one,two/,org/three,four");
  EXPECT_EQ(axis_label(axis, 0), "model: one");
  EXPECT_EQ(axis_label(axis, 1), "model: two");
  EXPECT_EQ(axis_label(axis, 2), "model: three");
  EXPECT_EQ(axis_label(axis, 3), "model: four");
}

}  // namespace
}  // namespace sd
