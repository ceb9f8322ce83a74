// `sd batch` with what only some families have: prompts of further text encoders, T5, skip-layer
// guidance.

#include <fstream>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "core/check.h"
#include "tests/cli/cli_fixture.h"

namespace sd::testing {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class BatchFamiliesTest : public CliTest {
 protected:
  /// `sd batch jobs.jsonl -o out -m tiny --seed 1` of a file with that text.
  Outcome batch(const std::string& jobs, std::vector<std::string> options = {},
                const std::string& file = "jobs.jsonl") {
    write_file(file, jobs);
    options.insert(options.begin(), {"batch", file, "-o", "out", "-m", "tiny", "--seed", "1"});
    return sd(options);
  }

  /// The first picture's line of the manifest.
  static nlohmann::json first_image() {
    std::ifstream file("out/manifest.jsonl");
    std::string line;
    std::getline(file, line);
    std::getline(file, line);
    return nlohmann::json::parse(line);
  }
};

TEST_F(BatchFamiliesTest, ThePromptsOfFurtherTextEncodersAreExpandedToo) {
  const Outcome outcome =
      batch(R"({"prompt": "a {red|blue} cat", "prompt_2": "{red|blue}", "prompt_3": "plain", )"
            R"("negative_prompt": "{x|x}", "negative_prompt_3": "{y|y}"})"
            "\n",
            {"--dynamic"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  ASSERT_THAT(engine_.requests(), SizeIs(1));
  const Request request = engine_.requests()[0];
  EXPECT_THAT(request.prompt_2, AnyOf("red", "blue"));
  EXPECT_EQ(request.prompt, "a " + request.prompt_2 + " cat") << "one choice for both";
  EXPECT_EQ(request.prompt_3, "plain");
  EXPECT_EQ(request.negative_prompt_3, "y");
  const nlohmann::json image = first_image();
  EXPECT_EQ(image["template"], "a {red|blue} cat");
  EXPECT_EQ(image["templates"], nlohmann::json({{"negative_prompt", "{x|x}"},
                                                {"negative_prompt_3", "{y|y}"},
                                                {"prompt_2", "{red|blue}"}}));
  EXPECT_THAT(batch("{\"prompt\": \"a\",\n \"prompt_3\": \"{b\"}\n",
                    {"--dynamic", "--on-exist", "skip"}, "jobs.json")
                  .err,
              HasSubstr("jobs.json:2:2: prompt 3, column 1: "));
}

TEST_F(BatchFamiliesTest, TextsOfOtherLengthsAreOtherBatches) {
  const Outcome outcome = batch(
      "{\"prompt\": \"a\"}\n{\"prompt\": \"b\", \"max_sequence_length\": 77}\n"
      "{\"prompt\": \"c\"}\n{\"prompt\": \"d\", \"max_sequence_length\": 77}\n",
      {"--batch-size", "4"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  ASSERT_THAT(engine_.batches, SizeIs(2));
  EXPECT_EQ(engine_.batches[0][1].prompt, "c");
  EXPECT_EQ(engine_.batches[1][1].prompt, "d");
}

TEST_F(BatchFamiliesTest, OtherGridsOfPositionsAndRoundedTimesAreOtherBatches) {
  const Outcome outcome = batch(
      "{\"prompt\": \"a\"}\n{\"prompt\": \"b\", \"rope_grid\": \"original\"}\n"
      "{\"prompt\": \"c\", \"rounded_times\": true}\n"
      "{\"prompt\": \"d\", \"resolution_binning\": false}\n"
      "{\"prompt\": \"e\", \"variance\": \"fixed_large\", \"crop\": [0, 8]}\n",
      {"--batch-size", "8"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  std::vector<std::string> batches;
  for (const auto& requests : engine_.batches) {
    batches.emplace_back();
    for (const Request& request : requests) batches.back() += request.prompt;
  }
  EXPECT_THAT(batches, ElementsAre("ade", "b", "c"))
      << "the variance and the crop differ from image to image, of binning only the size counts";
}

TEST_F(BatchFamiliesTest, JobsSaySizesAndSwitchesInPlaceOfOptions) {
  const Outcome outcome = batch(
      "{\"prompt\": \"a\"}\n"
      "{\"prompt\": \"b\", \"resolution_binning\": true, \"original_size\": \"640x480\", "
      "\"crop\": \"1,2\", \"rounded_times\": false}\n",
      {"--no-resolution-binning", "--original-size", "320x200", "--rounded-times", "--batch-size",
       "1"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const std::vector<Request> requests = engine_.requests();
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_EQ(requests[0].resolution_binning, false);
  EXPECT_EQ(requests[0].original_size, (PixelSize{320, 200}));
  EXPECT_TRUE(requests[0].rounded_times);
  EXPECT_EQ(requests[1].resolution_binning, true);
  EXPECT_EQ(requests[1].original_size, (PixelSize{640, 480}));
  EXPECT_EQ(requests[1].crop, (CropCorner{.top = 1, .left = 2}));
  EXPECT_FALSE(requests[1].rounded_times);
  const nlohmann::json parameters = first_image()["parameters"];
  EXPECT_EQ(parameters["original_size"], "320x200");
  EXPECT_EQ(parameters["resolution_binning"], false);
  EXPECT_EQ(parameters["rounded_times"], true);
  const Outcome other = batch("{\"prompt\": \"a\"}\n{\"prompt\": \"b\"}\n", {"--resume"});
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.err, HasSubstr("original_size is \"320x200\" there and not set here"));
}

// The name is no part of the job: the text is, so that a run goes on whichever of them is given.
TEST_F(BatchFamiliesTest, ANegativePresetIsItsText) {
  ASSERT_EQ(batch("{\"prompt\": \"a\"}\n", {"--negative-preset", "hunyuan"}).code, 0);
  const std::string text = engine_.requests().at(0).negative_prompt;
  EXPECT_TRUE(text.ends_with("残缺，")) << text;
  EXPECT_EQ(first_image()["parameters"]["negative_prompt"], text);
  EXPECT_FALSE(first_image()["parameters"].contains("negative_preset"));
  const Outcome spelled = batch("{\"prompt\": \"a\"}\n", {"--resume", "-n", text});
  EXPECT_THAT(spelled.err, HasSubstr("1 picture is there already")) << spelled.code;
  const Outcome of_job =
      batch("{\"prompt\": \"a\", \"negative_preset\": \"hunyuan\"}\n", {"--resume"});
  EXPECT_THAT(of_job.err, HasSubstr("1 picture is there already")) << of_job.code;
  EXPECT_THAT(batch("{\"prompt\": \"a\"}\n", {"-n", "x", "--negative-preset", "hunyuan"}).err,
              HasSubstr("--negative-prompt and --negative-preset cannot stand together"));
}

TEST_F(BatchFamiliesTest, OptionsHoldForJobsThatSayNothing) {
  const Outcome outcome = batch(
      "{\"prompt\": \"a\", \"skip_layers\": [7]}\n"
      "{\"prompt\": \"b\", \"skip_layers\": [7], \"skip_layer_scale\": 4}\n"
      "{\"prompt\": \"c\"}\n",
      {"--skip-layer-scale", "3", "--prompt-2", "x", "--batch-size", "1"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const std::vector<Request> requests = engine_.requests();
  ASSERT_THAT(requests, SizeIs(3));
  EXPECT_EQ(requests[0].skip_layers, (SkipLayerGuidance{.layers = {7}, .scale = 3}));
  EXPECT_EQ(requests[1].skip_layers, (SkipLayerGuidance{.layers = {7}, .scale = 4}));
  EXPECT_THAT(requests[2].skip_layers.layers, IsEmpty());
  EXPECT_EQ(requests[2].prompt_2, "x");
}

TEST_F(BatchFamiliesTest, ResumeSeesAnotherT5) {
  engine_.has_t5 = true;
  ASSERT_EQ(batch("{\"prompt\": \"a\"}\n").code, 0);
  const Outcome same = batch("{\"prompt\": \"a\"}\n", {"--resume"});
  EXPECT_EQ(same.code, 0);
  EXPECT_THAT(same.err, HasSubstr("1 picture is there already"));
  const Outcome other = batch("{\"prompt\": \"a\"}\n", {"--resume", "--no-t5"});
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.err, HasSubstr("t5 is \"fp32\" there and \"none\" here"));
  const Outcome longer = batch("{\"prompt\": \"a\", \"max_sequence_length\": 77}\n", {"--resume"});
  EXPECT_EQ(longer.code, 2);
  EXPECT_THAT(longer.err, HasSubstr("max_sequence_length is not set there and 77 here"));
}

// Whether a prompt is there is checked once for all jobs, as what else a model may refuse.
TEST_F(BatchFamiliesTest, AFurtherPromptIsShownToTheModel) {
  engine_.on_check = [](const std::vector<Request>& requests) {
    SD_CHECK(requests[0].prompt_2.empty(), ErrorKind::kUsage,
             "--prompt-2: this model has one text encoder");
  };
  const Outcome outcome = batch("{\"prompt\": \"a\"}\n{\"prompt\": \"b\", \"prompt_2\": \"c\"}\n");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("jobs.jsonl:2:17: prompt_2: this model has one text encoder"));
  EXPECT_THAT(engine_.batches, IsEmpty());
}

}  // namespace
}  // namespace sd::testing
