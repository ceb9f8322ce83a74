// `sd bench`.

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/bench_report.h"
#include "tests/cli/cli_fixture.h"

namespace sd::testing {
namespace {

using ::testing::HasSubstr;

using BenchTest = CliTest;

TEST_F(BenchTest, PaintsTheSameInEveryRoundAndKeepsNothing) {
  memory_ = 2.5e9;
  const Outcome outcome =
      sd({"bench", "-m", "tiny", "--rounds", "2", "--batch-size", "2", "--steps", "4"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  ASSERT_EQ(engine_.batches.size(), 2);
  EXPECT_EQ(engine_.batches[0][1].seed, 1);
  EXPECT_EQ(engine_.batches[1][1].seed, 1);
  EXPECT_THAT(outcome.out, HasSubstr("tiny, 16x16, 4 steps of ddim, scale 7.5, 2 images at once"));
  EXPECT_THAT(outcome.out, HasSubstr("denoise          2.000     2.000\n"));
  EXPECT_THAT(outcome.out, HasSubstr("  a step         0.500     0.500\n"));
  EXPECT_THAT(outcome.out, HasSubstr("peak memory 2.50 GB\n"));
  EXPECT_TRUE(files_here().empty());
  EXPECT_NE(engine_.batches[0][0].prompt, engine_.batches[1][0].prompt)
      << "prompts that were encoded before cost nothing";
}

TEST_F(BenchTest, CountsAllImagesAlsoWhereTheyAreComputedOneAfterAnother) {
  engine_.computes_together = false;
  const Outcome outcome =
      sd({"bench", "-m", "tiny", "--rounds", "1", "--batch-size", "3", "--json"});
  const auto object = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(object["rounds"][0]["denoise"], 6);
  EXPECT_EQ(object["rounds"][0]["encode"], 1.5);
}

TEST_F(BenchTest, PrintsTheSameForPrograms) {
  const auto object = nlohmann::json::parse(sd({"bench", "-m", "tiny", "--json"}).out);
  std::set<std::string> printed;
  for (const auto& [key, value] : object.items()) printed.insert(key);
  std::set<std::string> documented;
  for (const HelpRow& row : bench_keys()) documented.emplace(row.term);
  EXPECT_EQ(printed, documented);
  EXPECT_EQ(object["rounds"].size(), 3);
  EXPECT_EQ(object["rounds"][0]["decode"], 0.25);
  EXPECT_EQ(object["median"]["encode"], 0.5);
}

TEST_F(BenchTest, TheFirstRoundIsNotInTheMedian) {
  BenchResult result;
  result.rounds = {{.denoise = 100}, {.denoise = 1}, {.denoise = 4}, {.denoise = 2}};
  EXPECT_EQ(median_round(result).denoise, 2);
  result.rounds.push_back({.denoise = 3});
  EXPECT_EQ(median_round(result).denoise, 2.5);
  result.rounds.resize(1);
  EXPECT_EQ(median_round(result).denoise, 100) << "there is no other";
}

TEST_F(BenchTest, HasNoOutputOptions) {
  const Outcome outcome = sd({"bench", "-o", "a.png"});
  EXPECT_EQ(outcome.code, 2);
}

TEST_F(BenchTest, RefusesOptionsThatContradictEachOther) {
  const Outcome outcome = sd({"bench", "-m", "tiny", "--sampler", "euler", "--eta", "1"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--eta belongs to --sampler ddim"));
}

}  // namespace
}  // namespace sd::testing
