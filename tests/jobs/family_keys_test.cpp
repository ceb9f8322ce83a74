// What only some families have: lists of layers, and what says something beside others alone.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "jobs/job_keys.h"
#include "jobs/picture_parameters.h"
#include "tests/support/errors.h"

namespace sd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

/// The layers after `--set skip_layers=text`.
std::vector<int> layers(const std::string& text) {
  Job job;
  set_job_value(job, "skip_layers", text);
  return job.request.skip_layers.layers;
}

std::string error_with(const std::string& text) {
  return error_of([&] { layers(text); }, ErrorKind::kUsage);
}

std::string json_error_with(const std::string& json) {
  Job job;
  return error_of([&] { set_job_json(job, "skip_layers", nlohmann::json::parse(json)); },
                  ErrorKind::kUsage);
}

TEST(JobKeys, TakeListsOfNumbers) {
  EXPECT_THAT(layers("7"), ElementsAre(7));
  EXPECT_THAT(layers("7,8,9"), ElementsAre(7, 8, 9));
  EXPECT_THAT(layers("7 8 9"), ElementsAre(7, 8, 9));
  EXPECT_THAT(layers(" 9 , 8,  7 "), ElementsAre(7, 8, 9)) << "one order, for one hash";
  EXPECT_THAT(layers("0,999"), ElementsAre(0, 999));
  EXPECT_THAT(layers("None"), IsEmpty());
  for (const std::string text : {"", "7,", ",7", "7,,8", "7;8", "7.0", "-1", "7-9"}) {
    EXPECT_THAT(error_with(text),
                StartsWith("skip_layers expects whole numbers from 0 to 999 with commas "
                           "between, or none, found '"))
        << text;
  }
  EXPECT_EQ(error_with("7, x,9"),
            "skip_layers expects whole numbers from 0 to 999 with commas between, or none, found "
            "'x'");
  EXPECT_THAT(error_with("7,1000"), HasSubstr(", found '1000'"));
  EXPECT_EQ(error_with("7,8,7"), "skip_layers expects different numbers, found 7 twice");
  EXPECT_LT(error_with(std::string(100000, '1')).size(), 300);
  std::string all = "0";
  for (int layer = 1; layer < 1000; ++layer) all += ", " + std::to_string(layer);
  EXPECT_THAT(layers(all), SizeIs(1000));
}

TEST(JobKeys, TakeJsonListsOfNumbers) {
  Job job;
  set_job_json(job, "skip_layers", {9, 7});
  EXPECT_THAT(job.request.skip_layers.layers, ElementsAre(7, 9));
  set_job_json(job, "skip_layers", nullptr);
  EXPECT_THAT(job.request.skip_layers.layers, SizeIs(2));
  set_job_json(job, "skip_layers", nlohmann::json::array());
  EXPECT_THAT(job.request.skip_layers.layers, IsEmpty());
  const std::string expects =
      "skip_layers expects whole numbers from 0 to 999 with commas between, in JSON a list of "
      "them, or none, found ";
  EXPECT_EQ(json_error_with("7"), expects + "7");
  EXPECT_EQ(json_error_with("\"7,8\""), expects + "\"7,8\"");
  EXPECT_EQ(json_error_with("[7, [8]]"), expects + "a list of lists or objects");
  for (const char* list : {"[7, \"8\"]", "[7.0]", "[true]", "[null]", "[\"7,8\"]", "[-1]"}) {
    EXPECT_THAT(json_error_with(list), HasSubstr("with commas between, or none, found '")) << list;
  }
}

TEST(JobKeys, TakeSizesAsTheyAreWritten) {
  const auto size = [](const std::string& text) {
    Job job;
    set_job_value(job, "original_size", text);
    return job.request.original_size.value_or(PixelSize{});
  };
  EXPECT_EQ(size("1024x768"), (PixelSize{1024, 768}));
  EXPECT_EQ(size("1024X768"), (PixelSize{1024, 768}));
  Job job;
  const auto error = [&](const nlohmann::json& value) {
    return error_of([&] { set_job_json(job, "target_size", value); }, ErrorKind::kUsage);
  };
  set_job_json(job, "target_size", "768x1024");
  EXPECT_EQ(job.request.target_size, (PixelSize{768, 1024}));
  EXPECT_EQ(error("768"),
            "target_size expects WIDTHxHEIGHT with sides from 1 to 16384, found '768'");
  EXPECT_EQ(error(768), "target_size expects WIDTHxHEIGHT, sides from 1 to 16384, found 768");
  EXPECT_EQ(error({768, 1024}),
            "target_size expects WIDTHxHEIGHT, sides from 1 to 16384, found a list");
  EXPECT_LT(error(std::string(100000, '1')).size(), 300);
}

TEST(JobKeys, TakeACornerAsATextOrAList) {
  Job job;
  const auto corner = [&](const nlohmann::json& value) {
    set_job_json(job, "crop", value);
    return job.request.crop.value_or(CropCorner{-1, -1});
  };
  EXPECT_EQ(corner("10,20"), (CropCorner{10, 20}));
  EXPECT_EQ(corner(" 11 ,  21 "), (CropCorner{11, 21}));
  EXPECT_EQ(corner("12 22"), (CropCorner{12, 22}));
  EXPECT_EQ(corner({13, 23}), (CropCorner{13, 23}));
  EXPECT_EQ(corner(nullptr), (CropCorner{13, 23}));
  set_job_value(job, "crop", "14,24");
  EXPECT_EQ(job.request.crop, (CropCorner{14, 24}));
  const std::string expects = "crop expects TOP,LEFT, two whole numbers from 0 to 16384, ";
  for (const char* wrong :
       {"[10]", "[1, 2, 3]", "[]", "[1.5, 2]", "[\"1\", 2]", "\"1\"", "[null, 1]", "[true, 1]"}) {
    EXPECT_THAT(error_of([&] { corner(nlohmann::json::parse(wrong)); }, ErrorKind::kUsage),
                StartsWith(expects + "found '"))
        << wrong;
  }
  EXPECT_EQ(error_of([&] { corner(10); }, ErrorKind::kUsage),
            expects + "in JSON also a list of them, found 10");
}

TEST(JobKeys, SayWhichCannotStandTogether) {
  EXPECT_TRUE(are_rivals("init_latents", "init_img"));
  EXPECT_TRUE(are_rivals("negative_prompt", "negative_preset"));
  EXPECT_FALSE(are_rivals("negative_prompt", "negative_prompt"));
  EXPECT_FALSE(are_rivals("negative_prompt", "init_img"));
}

TEST(WhyIdle, NamesTheKeyThatIsMissing) {
  Job job;
  EXPECT_EQ(why_idle(job, "strength"), "strength expects init_img or init_latents beside it");
  for (const std::string key : {"skip_layer_scale", "skip_layer_start", "skip_layer_stop"}) {
    EXPECT_EQ(why_idle(job, key), key + " expects skip_layers beside it");
  }
  EXPECT_EQ(why_idle(job, "skip_layers"), std::nullopt);
  EXPECT_EQ(why_idle(job, "steps"), std::nullopt);
  job.init_latents = "a";
  job.request.skip_layers.layers = {7};
  EXPECT_EQ(why_idle(job, "strength"), std::nullopt);
  EXPECT_EQ(why_idle(job, "skip_layer_stop"), std::nullopt);
}

// What a picture says is read by people and other programs.
TEST(PictureParameters, NameWhatOnlySomeFamiliesHave) {
  Request request;
  request.prompt = "a cat";
  request.prompt_2 = "a cat, big";
  request.negative_prompt_3 = "dog";
  request.max_sequence_length = 77;
  request.skip_layers.layers = {7, 8, 9};
  request.resolution_binning = true;
  request.original_size = {1024, 768};
  request.target_size = {512, 384};
  request.crop = {0, 16};
  request.rope_grid = "original";
  request.rounded_times = true;
  request.variance = "learned_range";
  Settings settings;
  settings.dtype = "fp16";
  const auto line = [&](const std::string& t5) {
    settings.t5 = t5;
    return picture_parameters(request, settings, {});
  };
  EXPECT_THAT(
      line("fp16"),
      HasSubstr(", Prompt 2: \"a cat, big\", Negative prompt 3: dog, Max sequence length: 77, "));
  EXPECT_THAT(line("fp16"), HasSubstr(", Skip layers: 7 8 9, Skip layer scale: 2.8, "
                                      "Skip layer start: 0.01, Skip layer stop: 0.2, "));
  EXPECT_THAT(line("fp16"),
              HasSubstr(", Resolution binning: True, Original size: 1024x768, Target size: "
                        "512x384, Crop corner: 0 16, RoPE grid: original, Rounded times: True, "
                        "Variance: learned_range, Device: "));
  EXPECT_THAT(line("fp16"), Not(HasSubstr("T5")));
  EXPECT_THAT(line(""), Not(HasSubstr("T5")));
  EXPECT_THAT(line("none"), HasSubstr(", Dtype: fp16, T5: none, "));
  EXPECT_THAT(line("fp32"), HasSubstr(", Dtype: fp16, T5 dtype: fp32, "));
  request.resolution_binning = false;
  EXPECT_THAT(line(""), HasSubstr("Resolution binning: False"));
}

TEST(PictureParameters, LeaveOutWhatIsAsWithoutIt) {
  Request request;
  const std::string plain = picture_parameters(request, {}, {});
  request.rope_grid = "diffusers";
  EXPECT_EQ(picture_parameters(request, {}, {}), plain);
}

}  // namespace
}  // namespace sd
