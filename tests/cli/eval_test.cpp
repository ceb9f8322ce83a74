// `sd eval`.

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/bound_report.h"
#include "core/check.h"
#include "io/atomic_file.h"
#include "io/png.h"
#include "tests/cli/cli_fixture.h"

namespace sd::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Bound small_bound() {
  Bound bound;
  bound.terms = {{.time = 9, .weight = 6, .vb = 0.25, .mse = 1, .x0_mse = 0.5},
                 {.time = 2, .weight = 3, .vb = 1.5, .mse = 2, .x0_mse = 0.125},
                 {.time = 0, .weight = 1, .vb = 3, .mse = 4, .x0_mse = 0.0625}};
  bound.train_times = 10;
  bound.prior = 0.5;
  bound.vb = 9;
  bound.total = 9.5;
  bound.mse = 1.6;
  bound.x0_mse = 0.34375;
  bound.settings.width = 64;
  bound.settings.height = 48;
  bound.settings.device = "cpu";
  bound.settings.dtype = "fp32";
  return bound;
}

class EvalTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    write_file_atomically("a.png", encode_png({8, 8, std::vector<uint8_t>(size_t{8} * 8 * 3, 99)}),
                          OnExist::kOverwrite);
    engine_.on_bound = [](const BoundRequest&, Observer&) { return small_bound(); };
  }

  /// `sd eval vlb a.png -p "a cat" -m tiny -s 7` and the arguments.
  Outcome vlb(std::vector<std::string> arguments) {
    const std::vector<std::string> first = {"eval", "vlb",  "a.png", "-p", "a cat",
                                            "-m",   "tiny", "-s",    "7"};
    arguments.insert(arguments.begin(), first.begin(), first.end());
    return sd(arguments);
  }

  /// That these arguments are refused, with a sentence that has this part.
  void expect_refusal(const std::vector<std::string>& arguments, const std::string& part,
                      int code = 2) {
    const Outcome outcome = sd(arguments);
    EXPECT_EQ(outcome.code, code) << part;
    EXPECT_THAT(outcome.err, HasSubstr(part));
    EXPECT_THAT(engine_.bounds, IsEmpty());
  }
};

TEST_F(EvalTest, PrintsATableWithTotals) {
  const Outcome outcome = vlb({});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out,
            "tiny, a.png as 64x48, seed 7, clipped, cpu, fp32\n"
            "    time  weight      bits/dim           mse      x0 error\n"
            "       9       6          0.25             1           0.5\n"
            "       2       3           1.5             2         0.125\n"
            "       0       1             3             4        0.0625\n"
            "        estimate             9           1.6       0.34375\n"
            "           prior           0.5\n"
            " estimated total           9.5\n");
  EXPECT_THAT(files_here(), ElementsAre("a.png"));
}

TEST_F(EvalTest, AsksTheEngineForTwentyTimesAndClips) {
  EXPECT_EQ(vlb({}).code, 0);
  ASSERT_EQ(engine_.bounds.size(), 1);
  const BoundRequest& request = engine_.bounds[0];
  EXPECT_EQ(request.times, 20);
  EXPECT_THAT(request.time_list, IsEmpty());
  EXPECT_TRUE(request.clip_denoised);
  EXPECT_EQ(request.batch_size, 1);
  EXPECT_FALSE(request.on_x0);
  EXPECT_EQ(request.image.prompt, "a cat");
  EXPECT_EQ(request.image.seed, 7);
  ASSERT_TRUE(request.image.init_image);
  EXPECT_EQ(request.image.init_image->width, 8);
  EXPECT_FALSE(request.image.width);
  EXPECT_TRUE(engine_.loads.at(0).defer_weights);
  EXPECT_EQ(engine_.loads[0].model, (folder_ / "models/tiny").string());
}

TEST_F(EvalTest, PassesItsOptionsOn) {
  const Outcome outcome = sd({"eval",
                              "vlb",
                              "--image",
                              "a.png",
                              "-p",
                              "",
                              "-m",
                              "tiny",
                              "-W",
                              "32",
                              "-H",
                              "16",
                              "-s",
                              "3",
                              "--timesteps",
                              "0, 999,10",
                              "--no-clip-denoised",
                              "--batch-size",
                              "4",
                              "--dtype",
                              "bf16",
                              "--clip-skip",
                              "1",
                              "--no-resolution-binning"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const BoundRequest& request = engine_.bounds.at(0);
  EXPECT_THAT(request.time_list, ElementsAre(0, 999, 10));
  EXPECT_FALSE(request.clip_denoised);
  EXPECT_EQ(request.batch_size, 4);
  EXPECT_EQ(request.image.width, 32);
  EXPECT_EQ(request.image.height, 16);
  EXPECT_EQ(request.image.clip_skip, 1);
  EXPECT_EQ(request.image.resolution_binning, false);
  EXPECT_EQ(engine_.loads.at(0).dtype, "bf16");
  EXPECT_EQ(vlb({"--timesteps", "all", "--no-clip-denoised", "--clip-denoised"}).code, 0);
  EXPECT_EQ(engine_.bounds.at(1).times, 0);
  EXPECT_TRUE(engine_.bounds[1].clip_denoised) << "the last one counts";
  EXPECT_EQ(vlb({"--timesteps", "1000"}).code, 0);
  EXPECT_EQ(engine_.bounds.at(2).times, 1000);
}

TEST_F(EvalTest, TakesARandomSeedAndSaysIt) {
  const Outcome outcome = sd({"eval", "vlb", "a.png", "-p", "a cat", "-m", "tiny"});
  EXPECT_EQ(engine_.bounds.at(0).image.seed, 4711);
  EXPECT_THAT(outcome.err, HasSubstr("sd: seed 4711\n"));
}

TEST_F(EvalTest, PrintsTheSameForPrograms) {
  const auto object = nlohmann::json::parse(vlb({"--json"}).out);
  std::set<std::string> printed;
  for (const auto& [key, value] : object.items()) printed.insert(key);
  std::set<std::string> documented;
  for (const HelpRow& row : bound_keys()) documented.emplace(row.term);
  EXPECT_EQ(printed, documented);
  EXPECT_EQ(object["image"], "a.png");
  EXPECT_EQ(object["exact"], false);
  EXPECT_EQ(object["total_bpd"], 9.5);
  ASSERT_EQ(object["terms"].size(), 3);
  EXPECT_EQ(object["terms"][1],
            nlohmann::json::parse(
                R"({"time": 2, "weight": 3, "vb": 1.5, "mse": 2, "xstart_mse": 0.125})"));
}

TEST_F(EvalTest, IsExactWhereEveryTimeIsThere) {
  engine_.on_bound = [](const BoundRequest&, Observer&) {
    Bound bound = small_bound();
    bound.train_times = 3;
    return bound;
  };
  EXPECT_THAT(vlb({}).out,
              AllOf(HasSubstr("\n             all             9 "), Not(HasSubstr("estimate"))));
  EXPECT_EQ(nlohmann::json::parse(vlb({"--json"}).out)["exact"], true);
}

TEST_F(EvalTest, WritesTheTableToAFile) {
  const Outcome outcome = vlb({"-o", "table.csv"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(read_file("table.csv"),
            "time,weight,vb,mse,xstart_mse\n"
            "9,6,0.25,1.0,0.5\n"
            "2,3,1.5,2.0,0.125\n"
            "0,1,3.0,4.0,0.0625\n");
  EXPECT_THAT(outcome.out, HasSubstr("total           9.5\n"));
  const Outcome json = vlb({"-o", "TABLE.JSON", "--json"});
  EXPECT_EQ(read_file("TABLE.JSON"), json.out);
}

TEST_F(EvalTest, SavesThePredictedPictures) {
  engine_.on_bound = [](const BoundRequest& request, Observer&) {
    request.on_x0(7, {1, 1, {1, 2, 3}});
    request.on_x0(999, {1, 1, {1, 2, 3}});
    return small_bound();
  };
  EXPECT_EQ(vlb({"--save-x0", "steps/x0"}).code, 0);
  EXPECT_TRUE(fs::exists("steps/x0/x0-0007.png"));
  EXPECT_TRUE(fs::exists("steps/x0/x0-0999.png"));
}

TEST_F(EvalTest, ShowsHowFarItIsAndStops) {
  engine_.on_bound = [this](const BoundRequest&, Observer& observer) {
    observer.on_progress(Phase::kEvaluate, 0, 20);
    now_ += 20;
    observer.on_progress(Phase::kEvaluate, 5, 20);
    signal_ = 2;
    SD_CHECK(!observer.stop_requested(), ErrorKind::kInterrupted, "stopped");
    return small_bound();
  };
  const Outcome outcome = vlb({"-o", "table.csv"});
  EXPECT_EQ(outcome.code, 130);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("evaluating time 5/20, 0.25 times/s, ETA 1:00\n"));
  EXPECT_THAT(outcome.err, HasSubstr("stopped by Ctrl-C"));
  EXPECT_THAT(files_here(), ElementsAre("a.png"));
}

TEST_F(EvalTest, SaysWhatIsMissing) {
  expect_refusal({"eval"}, "vlb is needed, what to evaluate");
  expect_refusal({"eval", "vbl"}, "did you mean vlb?");
  expect_refusal({"eval", "vlb"}, "--init-img FILE is needed");
  expect_refusal({"eval", "vlb", "a.png", "-m", "tiny"}, "--prompt TEXT is needed");
  expect_refusal({"eval", "vlb", "a.png", "-p", "x"}, "--model is needed, one whose network");
}

TEST_F(EvalTest, RefusesWhatItCannotUse) {
  const auto with = [](std::vector<std::string> more) {
    const std::vector<std::string> first = {"eval", "vlb", "a.png", "-p", "x", "-m", "tiny"};
    more.insert(more.begin(), first.begin(), first.end());
    return more;
  };
  expect_refusal(with({"--init-img", "b.png"}),
                 "sd eval vlb expects one picture, found 'a.png' and 'b.png'");
  expect_refusal(with({"--timesteps", "1"}), "--timesteps expects a whole number from 2 to 1000");
  expect_refusal(with({"--timesteps", "some"}), "found 'some'");
  expect_refusal(with({"--timesteps", "3,1000"}), "from 0 to 999, found '1000'");
  expect_refusal(with({"--timesteps", "3,5,3"}), "expects different times, found 3 twice");
  expect_refusal(with({"--timesteps", "3,"}), "--timesteps expects a whole number");
  expect_refusal(with({"-o", "table.txt"}), "--output expects a name that ends in .csv or .json");
  expect_refusal(with({"-o", "missing/table.csv"}), "missing", 5);
  expect_refusal(with({"--save-x0", "a.png"}), "a.png", 5);
  expect_refusal(with({"--steps", "3"}), "--steps is an option of sd txt2img, not of sd eval");
  expect_refusal({"eval", "vlb", "none.png", "-p", "x", "-m", "tiny"}, "none.png", 4);
}

TEST_F(EvalTest, OtherCommandsStillPointToTheirOwnNameOfAPicture) {
  expect_refusal({"img2img", "--image", "a.png", "-p", "x"},
                 "sd img2img has no option --image (here it is --init-img)");
}

TEST_F(EvalTest, HelpExplainsTheTimes) {
  const Outcome outcome = sd({"eval", "--help"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("Usage: sd eval vlb --init-img FILE"),
                                 HasSubstr("--init-img, --image FILE"), HasSubstr("total_bpd"),
                                 HasSubstr("Which times:"), HasSubstr("--no-clip-denoised")));
}

}  // namespace
}  // namespace sd::testing
