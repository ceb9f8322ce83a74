// A model that keeps to a list of sizes paints another size than was asked for: the picture's own
// is what is told and kept of it.

#include <gmock/gmock.h>
#include <map>
#include <nlohmann/json.hpp>

#include "io/contact_sheet.h"
#include "io/foreign_parameters.h"
#include "io/latents_file.h"
#include "io/picture_format.h"
#include "io/picture_metadata.h"
#include "io/read_picture.h"
#include "tests/cli/cli_fixture.h"

namespace sd::testing {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class PaintedSizeTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    for (const char* name : {"SD_SHARD", "SD_SHARD_COUNT", "RANK", "WORLD_SIZE"}) {
      unset_variable(name);
    }
    engine_.nearest_size = [](PixelSize wanted) {
      return wanted.width > wanted.height ? PixelSize{40, 24} : PixelSize{32, 32};
    };
  }

  /// Jobs of these sizes, "101x67" say, in "jobs.txt"; further words stand behind a size.
  static void write_jobs(const std::vector<std::string>& sizes) {
    std::string text;
    for (const std::string& size : sizes) {
      const size_t x = size.find('x');
      text += "p --width " + size.substr(0, x) + " --height " + size.substr(x + 1) + "\n";
    }
    write_file("jobs.txt", text);
  }

  Outcome batch(std::vector<std::string> further) {
    further.insert(further.begin(), {"batch", "jobs.txt", "-m", "tiny", "-s", "1"});
    return sd(further);
  }

  static Infotext parameters_of(const std::string& file) {
    return find_parameters(read_picture_metadata(read_input_file(file), file)).text;
  }
};

TEST_F(PaintedSizeTest, AnySizeMayBeAskedFor) {
  const Outcome outcome =
      txt2img({"-p", "x", "-s", "1", "-W", "101", "-H", "67", "-o", "a.png", "-v"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(engine_.requests().at(0).width, 101) << "what to make of it is the model's to say";
  const Picture picture = read_picture("a.png");
  EXPECT_EQ(picture.width, 40);
  EXPECT_EQ(picture.height, 24);
  EXPECT_EQ(parameters_of("a.png").field("Size"), "40x24");
  EXPECT_THAT(outcome.err, HasSubstr("sd: 40x24, 20 steps of ddim"));
}

TEST_F(PaintedSizeTest, ReportsTellThePicturesOwn) {
  const auto object = nlohmann::json::parse(txt2img({"-p", "x", "-W", "101", "--json"}).out);
  EXPECT_EQ(object["settings"]["width"], 40);
  EXPECT_EQ(object["settings"]["height"], 24);
  EXPECT_TRUE(object["settings"]["resolution_binning"].is_null());
  const auto bench = nlohmann::json::parse(
      sd({"bench", "-m", "tiny", "--rounds", "1", "-W", "101", "--json"}).out);
  EXPECT_EQ(bench["width"], 40);
  EXPECT_EQ(bench["height"], 24);
}

TEST_F(PaintedSizeTest, ReportsTellWhatWasSaidOfSizes) {
  const auto settings = nlohmann::json::parse(
      txt2img({"-p", "x", "--json", "--no-resolution-binning", "--original-size", "64x48",
               "--target-size", "32x24", "--crop", "0,8", "--rope-grid", "original",
               "--rounded-times", "--variance", "learned_range"})
          .out)["settings"];
  EXPECT_EQ(settings["resolution_binning"], false);
  EXPECT_EQ(settings["original_size"], "64x48");
  EXPECT_EQ(settings["target_size"], "32x24");
  EXPECT_EQ(settings["crop"], nlohmann::json({0, 8}));
  EXPECT_EQ(settings["rope_grid"], "original");
  EXPECT_EQ(settings["rounded_times"], true);
  EXPECT_EQ(settings["variance"], "learned_range");
  const auto plain = nlohmann::json::parse(txt2img({"-p", "x", "--json"}).out)["settings"];
  for (const char* key : {"resolution_binning", "original_size", "target_size", "crop"}) {
    EXPECT_TRUE(plain[key].is_null()) << key;
  }
  EXPECT_EQ(plain["rope_grid"], "");
  EXPECT_EQ(plain["rounded_times"], false);
  EXPECT_EQ(plain["variance"], "");
}

// The job is what was asked for, so that a run goes on whatever came of it.
TEST_F(PaintedSizeTest, ABatchKeepsBoth) {
  write_file("jobs.jsonl", "{\"prompt\": \"a\", \"width\": 101, \"height\": 67}\n");
  const std::vector<std::string> run = {"batch", "jobs.jsonl", "-m", "tiny",  "-o",
                                        "out",   "-s",         "1",  "--json"};
  const Outcome outcome = sd(run);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(nlohmann::json::parse(outcome.out)["settings"]["width"], 40);
  EXPECT_EQ(parameters_of("out/00000.png").field("Size"), "40x24");
  std::istringstream manifest(read_file("out/manifest.jsonl"));
  std::string line;
  std::getline(manifest, line);
  std::getline(manifest, line);
  EXPECT_EQ(nlohmann::json::parse(line)["parameters"]["width"], 101);
  std::vector<std::string> resume = run;
  resume.emplace_back("--resume");
  EXPECT_THAT(sd(resume).err, HasSubstr("1 picture is there already"));
}

TEST_F(PaintedSizeTest, AReplayAsksForThePicturesOwn) {
  ASSERT_EQ(txt2img({"-p", "x", "-s", "1", "-W", "101", "-H", "67", "-o", "a.png",
                     "--resolution-binning"})
                .code,
            0);
  EXPECT_EQ(sd({"replay", "a.png", "-o", "again"}).code, 0);
  const Request request = engine_.requests().at(1);
  EXPECT_EQ(request.width, 40);
  EXPECT_EQ(request.height, 24);
  EXPECT_EQ(request.resolution_binning, true);
  EXPECT_EQ(read_file("a.png"), read_file("again/00000.png"));
  EXPECT_THAT(sd({"info", "a.png"}).out, HasSubstr(" --width 40 --height 24 "));
}

TEST_F(PaintedSizeTest, ASheetTakesThePicturesAsTheyAre) {
  const Outcome outcome =
      sd({"grid", "-m", "tiny", "-p", "x", "-o", "g", "--x", "width=8,101", "-H", "16", "-s", "9"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(read_picture("g/00000.png").width, 32);
  EXPECT_EQ(read_picture("g/00001.png").width, 40);
  SheetLayout layout;
  layout.columns = {"width: 8", "width: 101"};
  const Picture sheet = read_picture("g/grid.png");
  const auto [width, height] = contact_sheet_size(layout, 40, 32);
  EXPECT_EQ(sheet.width, width);
  EXPECT_EQ(sheet.height, height);
  EXPECT_GE(std::ranges::count(sheet.rgb, 9), 3 * (32 * 32 + 40 * 24)) << "none of them is cut";
}

TEST_F(PaintedSizeTest, ADryRunTellsWhatWouldBePainted) {
  write_jobs({"101x67", "67x101", "101x67 --resolution-binning false"});
  const Outcome outcome = batch({"-o", "out", "--dry-run"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out,
            "00000.png\t40x24\t20 steps\tddim\tseed 1\tp\n"
            "00001.png\t32x32\t20 steps\tddim\tseed 2\tp\n"
            "00002.png\t101x67\t20 steps\tddim\tseed 3\tp\n");
  EXPECT_THAT(outcome.err, HasSubstr("(1 of 101x67, 1 of 32x32, 1 of 40x24)"));
}

TEST_F(PaintedSizeTest, AnEstimateIsForWhatWouldBePainted) {
  write_jobs({"101x67", "67x101", "50x20"});
  ASSERT_EQ(batch({"-o", "out", "--dry-run"}).code, 0);
  ASSERT_EQ(engine_.estimates.size(), 2U) << "two of the three are of one size";
  std::map<int, size_t> pictures;
  for (const auto& requests : engine_.estimates) {
    pictures[requests.at(0).width.value_or(0)] = requests.size();
  }
  EXPECT_THAT(pictures, ElementsAre(Pair(32, 1U), Pair(40, 2U)));
}

TEST_F(PaintedSizeTest, NamesHoldThePicturesOwn) {
  write_jobs({"101x67", "67x101"});
  const Outcome outcome = batch({"-o", "out/{width}x{height}.png"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "out/40x24.png\nout/32x32.png\n");
  EXPECT_EQ(read_picture("out/40x24.png").width, 40);
  EXPECT_THAT(batch({"-o", "out/{width}x{height}.png", "--resume"}).err,
              HasSubstr("2 pictures are there already"));
  write_jobs({"101x67", "50x20"});
  const Outcome same = batch({"-o", "other/{width}x{height}.png"});
  EXPECT_EQ(same.code, 2) << same.err;
  EXPECT_THAT(same.err, HasSubstr("an earlier picture has the name '40x24.png' already"));
}

TEST_F(PaintedSizeTest, WhatIsPaintedInOneSizeIsOneBatch) {
  write_jobs({"101x67", "67x101", "50x20", "40x24 --resolution-binning false",
              "101x67 --resolution-binning false"});
  const Outcome outcome = batch({"-o", "out", "--batch-size", "8"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  std::vector<size_t> sizes;
  for (const auto& requests : engine_.batches) sizes.push_back(requests.size());
  EXPECT_THAT(sizes, ElementsAre(3U, 1U, 1U));
}

TEST_F(PaintedSizeTest, ASheetThatFitsThePicturesIsNotRefused) {
  const Outcome fits = sd({"grid", "-m", "tiny", "-p", "x", "-o", "g", "--x", "seed=1:20", "-W",
                           "4096", "--sheet", "s.webp", "--dry-run", "-v"});
  EXPECT_EQ(fits.code, 0) << fits.err;
  SheetLayout layout;
  layout.columns.clear();
  for (int seed = 1; seed <= 20; ++seed) {
    layout.columns.push_back("seed: " + std::to_string(seed));
  }
  const auto [width, height] = contact_sheet_size(layout, 40, 24);
  EXPECT_THAT(fits.err, HasSubstr("a sheet of " + std::to_string(width) + "x" +
                                  std::to_string(height) + " pixels"));
  const Outcome large = sd({"grid", "-m", "tiny", "-p", "x", "-o", "g", "--x", "seed=1:20", "-W",
                            "4096", "--sheet", "s.webp", "--no-resolution-binning"});
  EXPECT_EQ(large.code, 2);
  EXPECT_THAT(large.err, HasSubstr("expected at most 16383 across"));
  EXPECT_TRUE(engine_.batches.empty());
}

TEST_F(PaintedSizeTest, ASheetOfPicturesWithAStartTakesThePicturesOwn) {
  const auto file = encode_picture({104, 64, std::vector<uint8_t>(104 * 64 * 3)}, "").bytes;
  write_file("in.png", {file.begin(), file.end()});
  write_latents("in.safetensors", {{4, 8, 13}, std::vector<float>(4 * 8 * 13)}, OnExist::kFail);
  SheetLayout layout;
  layout.columns = {"strength: 0.2", "strength: 0.4"};
  const auto expect_cells = [&](const std::vector<std::string>& start, PixelSize size) {
    std::vector<std::string> words = {
        "grid", "-m", "tiny", "-p", "x", "-o", "g", "--x", "strength=0.2,0.4", "--dry-run", "-v"};
    words.insert(words.end(), start.begin(), start.end());
    const Outcome outcome = sd(words);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    const auto [width, height] = contact_sheet_size(layout, size.width, size.height);
    EXPECT_THAT(outcome.err, HasSubstr("a sheet of " + std::to_string(width) + "x" +
                                       std::to_string(height) + " pixels"));
  };
  expect_cells({"--init-img", "in.png"}, {40, 24});
  expect_cells({"--init-img", "in.png", "-H", "200"}, {32, 32});
  expect_cells({"--init-img", "in.png", "-W", "56", "-H", "72", "--no-resolution-binning"},
               {56, 72});
  expect_cells({"--init-latents", "in.safetensors"}, {104, 64});
  expect_cells({"--init-latents", "in.safetensors", "-W", "104", "-H", "64"}, {104, 64});
}

TEST_F(PaintedSizeTest, ADryRunSaysWhereAStartDecides) {
  write_latents("in.safetensors", {{4, 8, 13}, std::vector<float>(4 * 8 * 13)}, OnExist::kFail);
  const auto file = encode_picture({104, 64, std::vector<uint8_t>(104 * 64 * 3)}, "").bytes;
  write_file("in.png", {file.begin(), file.end()});
  write_file("jobs.txt",
             "p --init-img in.png\n"
             "p --init-img in.png --width 56\n"
             "p --init-img in.png --height 72\n"
             "p --init-img in.png --width 101 --height 67\n"
             "p --init-latents in.safetensors\n"
             "p --init-latents in.safetensors --width 104 --height 64\n");
  const Outcome outcome = batch({"-o", "out", "--dry-run"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  for (const char* words :
       {"00000.png\tthe input's size\t", "00001.png\t56 by the input's height\t",
        "00002.png\tthe input's width by 72\t", "00003.png\t40x24\t",
        "00004.png\tthe input's size\t", "00005.png\t104x64\t"}) {
    EXPECT_THAT(outcome.out, HasSubstr(words));
  }
  EXPECT_THAT(outcome.err, HasSubstr("2 of the input's size"));
  size_t of_latents = 0;
  for (const auto& requests : engine_.estimates) {
    const Request& request = requests.at(0);
    EXPECT_NE(request.init_image.has_value(), request.init_latents.has_value());
    if (!request.init_latents) continue;
    ++of_latents;
    EXPECT_FALSE(request.width || request.height) << "latents have a size";
    EXPECT_THAT(request.init_latents->shape, AnyOf(ElementsAre(4, 2, 2), ElementsAre(4, 8, 13)));
  }
  EXPECT_EQ(of_latents, 2U);
}

TEST_F(PaintedSizeTest, AFormatThatHoldsThePictureIsTaken) {
  EXPECT_EQ(txt2img({"-p", "x", "-W", "16384", "-o", "a.webp"}).code, 0);
  const Outcome outcome =
      txt2img({"-p", "x", "-W", "16384", "-o", "b.webp", "--no-resolution-binning"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("the picture would be 16384 x 16\n"));
}

}  // namespace
}  // namespace sd::testing
