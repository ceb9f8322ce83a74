// `sd grid`: single pictures, and a sheet of them.

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "core/check.h"
#include "io/contact_sheet.h"
#include "io/foreign_parameters.h"
#include "io/picture_format.h"
#include "io/picture_metadata.h"
#include "io/read_picture.h"
#include "tests/cli/cli_fixture.h"

namespace sd::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

using Words = std::vector<std::string>;

class GridTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    for (const char* name : {"SD_SHARD", "SD_SHARD_COUNT", "RANK", "WORLD_SIZE"}) {
      unset_variable(name);
    }
  }

  /// `sd grid -m tiny -p "a red cat" -o g` and the arguments.
  Outcome grid(Words arguments) {
    arguments.insert(arguments.begin(), {"grid", "-m", "tiny", "-p", "a red cat", "-o", "g"});
    return sd(arguments);
  }

  /// The run must end with that code before anything is painted, and say this.
  void expect_refused(const Words& arguments, const std::string& part, int code = 2) {
    SCOPED_TRACE(::testing::PrintToString(arguments));
    const size_t before = engine_.batches.size();
    const Outcome outcome = grid(arguments);
    EXPECT_EQ(outcome.code, code);
    EXPECT_THAT(outcome.err, HasSubstr(part));
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(engine_.batches.size(), before);
  }

  static Infotext parameters_of(const std::string& file) {
    return find_parameters(read_picture_metadata(read_input_file(file), file)).text;
  }

  /// The values of the pixels that are neither white, nor black text on it, each once: those of the
  /// fake engine's pictures are their seeds, and grey is a cell without a picture.
  static std::vector<int> plain_cells(const std::string& file) {
    const Picture sheet = read_picture(file);
    std::map<int, int> counts;
    for (const uint8_t value : sheet.rgb) ++counts[value];
    std::vector<int> values;
    constexpr int kPixels = 16 * 16 * 3;
    for (const auto& [value, count] : counts) {
      if (value != 255 && count >= kPixels) values.push_back(value);
    }
    return values;
  }
};

constexpr int kGrey = 232;

TEST_F(GridTest, EveryCombinationIsPaintedTheFirstAxisFastest) {
  const Outcome outcome =
      grid({"--x", "steps=2,3", "--y", "scale=3:7:2", "--batch-size", "1", "-s", "9"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  std::vector<std::string> asked;
  for (const Request& request : engine_.requests()) {
    asked.push_back(concat_text(*request.steps, " ", *request.scale, " ", request.seed));
    EXPECT_EQ(request.prompt, "a red cat");
  }
  EXPECT_THAT(asked, ElementsAre("2 3 9", "3 3 9", "2 5 9", "3 5 9", "2 7 9", "3 7 9"));
  EXPECT_EQ(outcome.out,
            "g/00000.png\ng/00001.png\ng/00002.png\ng/00003.png\ng/00004.png\ng/00005.png\n"
            "g/grid.png\n");
  EXPECT_TRUE(fs::exists("g/manifest.jsonl"));
  EXPECT_EQ(sd({"manifest", "verify", "g"}).code, 0);
}

TEST_F(GridTest, TheSheetHasTheParametersAndTheAxes) {
  ASSERT_EQ(
      grid({"--x", "prompt_sr=red,\"blue, big\"", "--y", "seed=4,5", "--z", "steps=2-3"}).code, 0);
  const Infotext text = parameters_of("g/grid.png");
  EXPECT_EQ(text.prompt, "a red cat");
  EXPECT_EQ(text.field("Sampler"), "DDIM");
  EXPECT_EQ(text.field("Model"), "tiny");
  EXPECT_EQ(text.field("X Type"), "Prompt S/R");
  EXPECT_EQ(text.field("X Values"), "red, \"blue, big\"");
  EXPECT_EQ(text.field("Y Type"), "Seed");
  EXPECT_EQ(text.field("Y Values"), "4, 5");
  EXPECT_EQ(text.field("Z Values"), "2, 3");
  EXPECT_EQ(text.field("Pictures"), "8");
  EXPECT_THAT(plain_cells("g/grid.png"), ElementsAre(4, 5));
  EXPECT_EQ(sd({"info", "g/grid.png"}).out.find("Command:"), std::string::npos);
  EXPECT_EQ(sd({"replay", "g/grid.png", "-o", "again"}).code, 2);
}

TEST_F(GridTest, AllPicturesHaveOneSeed) {
  random_seed_ = 77;
  const Outcome outcome = grid({"--x", "steps=2,3,4"});
  EXPECT_THAT(outcome.err, HasSubstr("sd: seed 77\n"));
  for (const Request& request : engine_.requests()) EXPECT_EQ(request.seed, 77);
  EXPECT_THAT(grid({"--x", "seed=1,2", "--on-exist", "overwrite"}).err, Not(HasSubstr("sd: seed ")))
      << "none is needed";
}

TEST_F(GridTest, OneAxisIsEnough) {
  const auto size = [&](const char* axis) {
    EXPECT_EQ(grid({axis, "seed=1,2,3", "--on-exist", "overwrite"}).code, 0);
    const Picture sheet = read_picture("g/grid.png");
    EXPECT_THAT(plain_cells("g/grid.png"), ElementsAre(1, 2, 3));
    return std::pair(sheet.width, sheet.height);
  };
  const auto row = size("--x");
  EXPECT_GT(row.first, row.second);
  const auto column = size("--y");
  EXPECT_LT(column.first, row.first);
  EXPECT_GT(column.second, row.second);
}

TEST_F(GridTest, ResumeMakesWhatIsMissingAndTheSheetAgain) {
  const Words run = {"--x", "seed=1,2", "--y", "steps=2,3"};
  Words resume = run;
  resume.emplace_back("--resume");
  ASSERT_EQ(grid(run).code, 0);
  const std::string picture = read_file("g/00002.png");
  const std::string sheet = read_file("g/grid.png");
  fs::remove("g/00002.png");
  engine_.batches.clear();
  const Outcome outcome = grid(resume);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "g/00002.png\ng/grid.png\n");
  EXPECT_THAT(engine_.requests(), SizeIs(1));
  EXPECT_EQ(read_file("g/00002.png"), picture);
  EXPECT_EQ(read_file("g/grid.png"), sheet);

  fs::remove("g/grid.png");
  EXPECT_EQ(grid(resume).out, "g/grid.png\n") << "the run had ended before its sheet was there";
  EXPECT_EQ(read_file("g/grid.png"), sheet);
  engine_.batches.clear();
  expect_refused({"--x", "seed=1,2", "--y", "steps=2,3", "-n", "dog", "--resume"},
                 "negative_prompt is ");
}

TEST_F(GridTest, APictureThatFailsLeavesItsCellGrey) {
  engine_.on_paint = [](const std::vector<Request>& requests, Observer&) {
    for (const Request& request : requests) {
      if (request.seed == 2) throw Error(ErrorKind::kNumeric, "NaN in the latents");
    }
  };
  const Outcome outcome = grid({"--x", "seed=1,2,3", "--json"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(plain_cells("g/grid.png"), ElementsAre(1, 3, kGrey));
  EXPECT_THAT(outcome.out, HasSubstr("\n{\"schema\":1,\"grid\":\"g/grid.png\",\"images\":2}\n"));
  engine_.on_paint = [](const std::vector<Request>&, Observer&) {};
  EXPECT_EQ(grid({"--x", "seed=1,2,3", "--resume"}).code, 0);
  EXPECT_THAT(plain_cells("g/grid.png"), ElementsAre(1, 2, 3));
}

TEST_F(GridTest, WithoutAnyPictureThereIsNoSheet) {
  engine_.on_paint = [](const std::vector<Request>&, Observer&) {
    throw Error(ErrorKind::kNumeric, "NaN in the latents");
  };
  const Outcome outcome = grid({"--x", "seed=1,2"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("no sheet: there is no picture for it"));
  EXPECT_FALSE(fs::exists("g/grid.png"));
}

TEST_F(GridTest, FailFastEndsWithoutASheet) {
  engine_.on_paint = [](const std::vector<Request>& requests, Observer&) {
    if (requests[0].seed == 2) throw Error(ErrorKind::kNumeric, "NaN in the latents");
  };
  EXPECT_EQ(grid({"--x", "seed=1,2,3", "--fail-fast", "--batch-size", "1"}).code, 1);
  EXPECT_FALSE(fs::exists("g/grid.png"));
}

TEST_F(GridTest, TheSheetMayHaveAnotherNameOrNone) {
  EXPECT_THAT(grid({"--x", "seed=1,2", "--sheet", "sheets/seeds.webp"}).out,
              HasSubstr("g/sheets/seeds.webp\n"));
  EXPECT_EQ(parameters_of("g/sheets/seeds.webp").field("X Values"), "1, 2");
  const Outcome none = grid({"--x", "seed=1,2", "--sheet", "none", "--on-exist", "overwrite"});
  EXPECT_EQ(none.out, "g/00000.png\ng/00001.png\n");
  EXPECT_FALSE(fs::exists("g/grid.png"));
  expect_refused({"--x", "seed=1,2", "--sheet", "{seed}.png"},
                 "--sheet expects the name of one file, found '{seed}.png' with a placeholder");
  expect_refused({"--x", "seed=1,2", "--sheet", "../a.png"}, "--sheet");
  expect_refused({"--x", "seed=1,2", "--sheet", "a.bmp"}, "--sheet");
  expect_refused({"--x", "seed=1,2", "--sheet", "00001.png", "--on-exist", "overwrite"},
                 "a picture of the grid has the name of --sheet, '00001.png'");
}

TEST_F(GridTest, ASheetThatIsThereIsNotReplaced) {
  fs::create_directory("g");
  write_file("g/grid.png", "my own");
  const std::string message =
      "the file 'g/grid.png' is there already, and is not the sheet of "
      "this grid";
  expect_refused({"--x", "seed=1,2"}, message, 5);
  expect_refused({"--x", "seed=1,2", "--resume"}, message, 5);
  EXPECT_EQ(grid({"--x", "seed=1,2", "--on-exist", "skip"}).out, "g/00000.png\ng/00001.png\n");
  EXPECT_EQ(read_file("g/grid.png"), "my own");
  EXPECT_EQ(grid({"--x", "seed=1,2", "--on-exist", "overwrite"}).code, 0);
  EXPECT_THAT(plain_cells("g/grid.png"), ElementsAre(1, 2));
}

TEST_F(GridTest, ARenamedPictureIsTheOneOnTheSheet) {
  ASSERT_EQ(grid({"--x", "steps=2,3", "-s", "1"}).code, 0);
  const Outcome outcome = grid({"--x", "steps=2,3", "-s", "2", "--on-exist", "rename"});
  EXPECT_EQ(outcome.out, "g/00000-1.png\ng/00001-1.png\ng/grid-1.png\n");
  EXPECT_THAT(plain_cells("g/grid-1.png"), ElementsAre(2));
  EXPECT_THAT(plain_cells("g/grid.png"), ElementsAre(1));
}

TEST_F(GridTest, PicturesOfAnEarlierRunAreNotThoseOfThisOne) {
  ASSERT_EQ(grid({"--x", "steps=2,3", "-s", "1"}).code, 0);
  engine_.on_paint = [](const std::vector<Request>& requests, Observer&) {
    for (const Request& request : requests) {
      if (request.steps == 3) throw Error(ErrorKind::kNumeric, "NaN in the latents");
    }
  };
  EXPECT_EQ(grid({"--x", "steps=2,3", "-s", "2", "--on-exist", "overwrite"}).code, 1);
  EXPECT_THAT(plain_cells("g/grid.png"), ElementsAre(2, kGrey));
}

TEST_F(GridTest, ASheetThatWouldBeTooLargeIsRefused) {
  expect_refused({"--x", "seed=1:1000", "-W", "64", "-H", "64"}, "the contact sheet would have ");
  expect_refused({"--x", "seed=1:20", "-W", "4096", "--sheet", "s.webp"},
                 "expected at most 16383 across");
  expect_refused({"--x", "seed=1:1000", "-W", "64", "-H", "64"},
                 "; --sheet none asks for the pictures alone");
  EXPECT_FALSE(fs::exists("g"));
  EXPECT_EQ(grid({"--x", "seed=1:1000", "-W", "64", "--sheet", "none", "--dry-run"}).code, 0);
}

TEST_F(GridTest, AGridOfPicturesThatStartFromOne) {
  const auto file = encode_picture({84, 100, std::vector<uint8_t>(84 * 100 * 3)}, "").bytes;
  write_file("in.png", {file.begin(), file.end()});
  const Outcome outcome = grid({"--init-img", "in.png", "--x", "strength=0.2-0.8 [4]", "-v"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  SheetLayout layout;
  layout.columns = {"strength: 0.2", "strength: 0.4", "strength: 0.6", "strength: 0.8"};
  const auto [width, height] = contact_sheet_size(layout, 80, 96);
  EXPECT_THAT(outcome.err, HasSubstr(concat_text("a sheet of ", width, "x", height, " pixels")));
  std::vector<double> strengths;
  for (const Request& request : engine_.requests()) {
    EXPECT_TRUE(request.init_image);
    strengths.push_back(request.strength.value_or(0));
  }
  EXPECT_THAT(strengths, ElementsAre(0.2, 0.4, 0.6, 0.8));
  expect_refused({"--init-img", "gone.png", "--x", "strength=0.2,0.3"},
                 "there is no file 'gone.png'");
}

TEST_F(GridTest, ModelsAreLoadedOnce) {
  make_model("models/other");
  ASSERT_EQ(grid({"--x", "model=tiny,other", "--y", "steps=2,3", "--batch-size", "1"}).code, 0);
  std::vector<int> steps;
  for (const Request& request : engine_.requests()) steps.push_back(*request.steps);
  EXPECT_THAT(steps, ElementsAre(2, 3, 2, 3)) << "first those of one model, then the others";
}

TEST_F(GridTest, ADryRunPaintsNothing) {
  const Outcome outcome = grid({"--x", "steps=2,3", "-s", "1", "--dry-run"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out,
            "00000.png\t16x16\t2 steps\tddim\tseed 1\ta red cat\n"
            "00001.png\t16x16\t3 steps\tddim\tseed 1\ta red cat\n");
  EXPECT_THAT(engine_.batches, IsEmpty());
  EXPECT_FALSE(fs::exists("g"));
}

TEST_F(GridTest, ShardsLeaveTheSheetToWhoeverFindsAllPictures) {
  const Words run = {"--x", "seed=1,2,3"};
  Words first = run;
  first.insert(first.end(), {"--shard", "0/2"});
  const Outcome outcome = grid(first);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "g/00000.png\ng/00002.png\n");
  EXPECT_THAT(outcome.err, HasSubstr("no sheet yet: 1 of its pictures is of other processes"));
  Words second = run;
  second.insert(second.end(), {"--shard", "1/2"});
  EXPECT_EQ(grid(second).out, "g/00001.png\ng/grid.png\n");
  EXPECT_THAT(plain_cells("g/grid.png"), ElementsAre(1, 2, 3));
}

TEST_F(GridTest, ThoseWhoClaimPicturesMakeOneSheet) {
  EXPECT_EQ(grid({"--x", "seed=1,2,3", "--claim"}).code, 0);
  EXPECT_THAT(plain_cells("g/grid.png"), ElementsAre(1, 2, 3));
  const Outcome late = grid({"--x", "seed=1,2,3", "--claim"});
  EXPECT_EQ(late.code, 0) << late.err;
  EXPECT_EQ(late.out, "");
}

TEST_F(GridTest, WrongAxesAreNamed) {
  expect_refused({}, "--x is needed, what changes from column to column");
  expect_refused({"--x", "steps"}, "--x expects a key and its values");
  expect_refused({"--y", "stepz=1,2"},
                 "--y: expected a key such as prompt or steps, found 'stepz'");
  expect_refused({"--x", "steps=1,0"}, "--x steps expects a whole number from 1 to 1000");
  expect_refused({"--x", "count=1,2"}, "--x expects a key that changes a picture, found count");
  expect_refused({"--x", "steps=1,2", "--z", "steps=3,4"}, "--x and --z expect different keys");
  expect_refused({"--x", "prompt_sr=green,blue"}, "expects a text that is in the prompt");
  expect_refused({"--x", "model=gone"}, "there is no model 'gone'");
  expect_refused({"--x", "skip_layer_scale=1,2"},
                 "--x skip_layer_scale=1: skip_layer_scale expects skip_layers beside it");
  expect_refused({"--x", "steps=1,2", "--skip-layer-scale", "3"},
                 "--skip-layer-scale does nothing without --skip-layers");
  const Outcome no_prompt = sd({"grid", "-m", "tiny", "-o", "g", "--x", "steps=1,2"});
  EXPECT_EQ(no_prompt.code, 2);
  EXPECT_THAT(no_prompt.err, HasSubstr("--prompt TEXT is needed"));
  EXPECT_EQ(sd({"grid", "-m", "tiny", "-o", "g", "--x", "prompt=a,b"}).code, 0);
}

TEST_F(GridTest, WhatOnlySomeFamiliesHaveMakesAxes) {
  const Outcome outcome = grid({"--x", "skip_layers=\"7,8\",9", "--y", "max_sequence_length=77,256",
                                "--z", "prompt_2=a,b", "--skip-layer-scale", "3"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const std::vector<Request> requests = engine_.requests();
  ASSERT_EQ(requests.size(), 8);
  EXPECT_EQ(std::ranges::count(requests, std::vector<int>{7, 8},
                               [](const Request& r) { return r.skip_layers.layers; }),
            4);
  EXPECT_EQ(std::ranges::count(requests, 77,
                               [](const Request& r) { return r.max_sequence_length.value_or(0); }),
            4);
  EXPECT_EQ(std::ranges::count(requests, "b", &Request::prompt_2), 4);
  for (const Request& request : requests) EXPECT_EQ(request.skip_layers.scale, 3);
}

TEST_F(GridTest, SizesAndSwitchesMakeAxes) {
  const Outcome outcome =
      grid({"--x", "crop=\"0,8\",\"8,0\"", "--y", "rounded_times=true,false", "--z",
            "resolution_binning=true,false", "--negative-preset", "hunyuan"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const std::vector<Request> requests = engine_.requests();
  ASSERT_EQ(requests.size(), 8);
  EXPECT_EQ(std::ranges::count(requests, CropCorner{8, 0},
                               [](const Request& r) { return r.crop.value_or(CropCorner()); }),
            4);
  EXPECT_EQ(std::ranges::count(requests, true, &Request::rounded_times), 4);
  EXPECT_EQ(
      std::ranges::count(requests, false,
                         [](const Request& r) { return r.resolution_binning.value_or(true); }),
      4);
  for (const Request& request : requests) EXPECT_TRUE(request.negative_prompt.ends_with("，"));
}

TEST_F(GridTest, WhatIsWrongWithAllPicturesIsSaidOnce) {
  engine_.on_check = [](const std::vector<Request>&) {
    throw Error(ErrorKind::kUsage, "--width expects a multiple of 8, found 33");
  };
  const Outcome outcome = grid({"--x", "steps=1,2,3", "-W", "33"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err,
              AllOf(HasSubstr("error: --x steps=1: width expects a multiple of 8, found 33\n"),
                    Not(HasSubstr("--x steps=2")),
                    HasSubstr("the grid: nothing was painted, because of this error\n")));
}

TEST_F(GridTest, DynamicPromptsAreExpandedByTheSharedSeed) {
  ASSERT_EQ(sd({"grid", "-m", "tiny", "-o", "g", "-p", "a {red|blue} cat", "--dynamic", "--x",
                "steps=2,3,4,5", "-s", "1"})
                .code,
            0);
  const std::vector<Request> requests = engine_.requests();
  for (const Request& request : requests) {
    EXPECT_EQ(request.prompt, requests[0].prompt);
    EXPECT_EQ(request.prompt.find('{'), std::string::npos);
  }
}

}  // namespace
}  // namespace sd::testing
