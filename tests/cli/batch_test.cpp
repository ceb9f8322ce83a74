// `sd batch` with an engine that computes nothing; with the real one in tests/batch.

#include <algorithm>
#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/print_units.h"
#include "cli_fixture.h"
#include "core/check.h"

namespace sd::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class BatchTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    for (const char* name : {"SD_SHARD", "SD_SHARD_COUNT", "RANK", "WORLD_SIZE", "LOCAL_RANK",
                             "LOCAL_WORLD_SIZE", "GROUP_RANK"}) {
      unset_variable(name);
    }
  }

  /// `sd batch jobs -o out -m tiny --seed 1` of a file with that text.
  Outcome batch(const std::string& jobs, std::vector<std::string> options = {},
                const std::string& file = "jobs.jsonl") {
    write_file(file, jobs);
    options.insert(options.begin(), {"batch", file, "-o", "out", "-m", "tiny", "--seed", "1"});
    return sd(options);
  }

  static std::vector<std::string> files_in(const std::filesystem::path& folder) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, error)) {
      if (entry.is_regular_file())
        names.push_back(entry.path().lexically_relative(folder).string());
    }
    std::ranges::sort(names);
    return names;
  }

  /// The objects of the manifest.
  static std::vector<nlohmann::json> manifest(const std::string& file = "out/manifest.jsonl") {
    std::vector<nlohmann::json> lines;
    std::istringstream text(read_file(file));
    for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }
};

constexpr const char* kThree =
    "{\"prompt\": \"a\"}\n{\"prompt\": \"b\", \"seed\": 9}\n{\"prompt\": \"c\", \"steps\": 5}\n";

TEST_F(BatchTest, PaintsEveryJobAndKeepsAManifest) {
  const Outcome outcome = batch(kThree);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "out/00000.png\nout/00001.png\nout/00002.png\n");
  EXPECT_THAT(files_in("out"),
              ElementsAre("00000.png", "00001.png", "00002.png", "manifest.jsonl"));
  EXPECT_THAT(outcome.err, HasSubstr("3 of 3 pictures are done"));
  const auto lines = manifest();
  ASSERT_THAT(lines, SizeIs(4));
  EXPECT_EQ(lines[0]["kind"], "run");
  EXPECT_EQ(lines[0]["images"], 3);
  std::vector<uint64_t> seeds;
  for (size_t i = 1; i < lines.size(); ++i) {
    EXPECT_EQ(lines[i]["kind"], "image");
    seeds.push_back(lines[i]["seed"]);
  }
  EXPECT_THAT(seeds, ElementsAre(1, 9, 3));
}

TEST_F(BatchTest, WhatFitsIsOneBatch) {
  std::string jobs;
  for (int i = 0; i < 4; ++i) {
    jobs += "{\"prompt\": \"a\", \"steps\": " + std::to_string(10 + i) + "}\n";
    jobs += "{\"prompt\": \"b\", \"width\": 32}\n{\"prompt\": \"c\", \"scale\": 1}\n";
  }
  const Outcome outcome = batch(jobs, {"--batch-size", "4"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  ASSERT_THAT(engine_.batches, SizeIs(3)) << "by size and guidance, whatever the steps";
  for (const auto& requests : engine_.batches) EXPECT_THAT(requests, SizeIs(4));
  EXPECT_EQ(engine_.loads.size(), 1);
  // The file's order decides the names.
  const auto lines = manifest();
  for (const auto& line : lines) {
    if (line["kind"] == "image" && line["index"] == 4) {
      EXPECT_EQ(line["file"], "00004.png");
      EXPECT_EQ(line["parameters"]["prompt"], "b");
    }
  }
}

TEST_F(BatchTest, TheEngineSuggestsTheSizeOfBatches) {
  batch("{\"prompt\": \"a\", \"count\": 5}\n");
  ASSERT_THAT(engine_.batches, SizeIs(3));
  EXPECT_THAT(engine_.batches[0], SizeIs(2));
}

TEST_F(BatchTest, ReadsNoFurtherAheadThanItMay) {
  std::string jobs;
  for (int i = 0; i < 3; ++i) jobs += "{\"prompt\": \"a\"}\n{\"prompt\": \"b\", \"width\": 32}\n";
  batch(jobs, {"--lookahead", "1", "--batch-size", "8"});
  EXPECT_THAT(engine_.batches, SizeIs(6)) << "no two that fit are ever seen together";
}

TEST_F(BatchTest, ADryRunNamesWhatWouldBeMadeAndMakesNothing) {
  const Outcome outcome = batch(kThree, {"--dry-run"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("00001.png\t16x16\t20 steps\tddim\tseed 9\tb\n"),
                                 HasSubstr("5 steps")));
  EXPECT_THAT(outcome.err, HasSubstr("3 of 3 pictures would be painted"));
  EXPECT_THAT(outcome.err, HasSubstr("estimated to take 3 s and 1.5 GB, on cpu in fp32\n"));
  EXPECT_THAT(engine_.batches, IsEmpty());
  EXPECT_FALSE(engine_.weights_are_loaded);
  EXPECT_FALSE(std::filesystem::exists("out"));
}

TEST(PrintDuration, NamesTheTwoLargestUnits) {
  EXPECT_EQ(print_duration(0.2), "1 s");
  EXPECT_EQ(print_duration(59.4), "59 s");
  EXPECT_EQ(print_duration(61), "1 min 1 s");
  EXPECT_EQ(print_duration(60), "1 min");
  EXPECT_EQ(print_duration(12 * 60 + 40), "12 min");
  EXPECT_EQ(print_duration(3 * 3600 + 20 * 60 + 5), "3 h 20 min");
  EXPECT_EQ(print_duration(3605), "1 h");
  EXPECT_EQ(print_duration(2 * 86400 + 4 * 3600), "2 d 4 h");
  EXPECT_EQ(print_duration(400.4 * 86400), "400 d");
}

TEST_F(BatchTest, AllThatIsWrongIsSaidBeforeWeightsAreLoaded) {
  engine_.on_check = [](const std::vector<Request>& requests) {
    SD_CHECK(requests[0].width != 24, ErrorKind::kUsage, "--width: expected a multiple of 16");
  };
  const Outcome outcome = batch(
      "{\"prompt\": \"a\"}\n{\"prompt\": \"b\", \"stps\": 5}\n{\"prompt\": \"c\", \"width\": 24}\n"
      "{\"prompt\": \"d\", \"init_img\": \"no.png\"}\n{\"prompt\": \"e\", \"model\": \"no\"}\n");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("jobs.jsonl:2:17: expected a key such as"));
  EXPECT_THAT(outcome.err, HasSubstr("jobs.jsonl:3:17: width: expected a multiple of 16"));
  EXPECT_THAT(outcome.err, HasSubstr("jobs.jsonl:4:17: init_img: there is no file 'no.png'"));
  EXPECT_THAT(outcome.err, HasSubstr("jobs.jsonl:5:17: "));
  EXPECT_THAT(outcome.err, HasSubstr("nothing was painted, because of these 4 errors"));
  EXPECT_FALSE(engine_.weights_are_loaded);
  EXPECT_FALSE(std::filesystem::exists("out"));
}

TEST_F(BatchTest, TwoJobsCannotHaveOneName) {
  const Outcome outcome = batch(kThree, {"-o", "out/a.png"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("jobs.jsonl:2: an earlier picture has the name 'a.png'"));
  EXPECT_FALSE(std::filesystem::exists("out"));
  EXPECT_EQ(batch(kThree, {"-o", "out/a.png", "--on-exist", "rename"}).code, 0);
  EXPECT_THAT(files_in("out"), ElementsAre("a-1.png", "a-2.png", "a.png", "manifest.jsonl"));
}

TEST_F(BatchTest, AFailedJobDoesNotStopTheRest) {
  engine_.on_paint = [](const std::vector<Request>& requests, Observer&) {
    for (const Request& request : requests) {
      SD_CHECK(request.prompt != "b", ErrorKind::kNumeric, "NaN in the latents");
    }
  };
  const Outcome outcome = batch(kThree, {"--batch-size", "3", "--json"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(files_in("out"), ElementsAre("00000.png", "00002.png", "manifest.jsonl"));
  EXPECT_THAT(outcome.err, HasSubstr("picture 2: jobs.jsonl:2: NaN in the latents"));
  EXPECT_THAT(outcome.out, HasSubstr("\"error\":\"jobs.jsonl:2: NaN in the latents\""));
  const auto lines = manifest();
  const auto failure = std::ranges::find(lines, "failure", [](const auto& l) { return l["kind"]; });
  ASSERT_NE(failure, lines.end());
  EXPECT_EQ((*failure)["index"], 1);

  engine_.on_paint = [](const std::vector<Request>&, Observer&) {};
  engine_.batches.clear();
  EXPECT_EQ(batch(kThree, {"--resume"}).code, 0);
  ASSERT_THAT(engine_.requests(), SizeIs(1));
  EXPECT_EQ(engine_.requests()[0].prompt, "b");
}

TEST_F(BatchTest, FailFastEndsWithTheFirstFailure) {
  engine_.on_paint = [](const std::vector<Request>& requests, Observer&) {
    SD_CHECK(requests[0].prompt != "b", ErrorKind::kNumeric, "NaN in the latents");
  };
  const Outcome outcome = batch(kThree, {"--batch-size", "1", "--fail-fast"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(files_in("out"), ElementsAre("00000.png", "manifest.jsonl"));
}

TEST_F(BatchTest, WhereMemoryIsShortBatchesBecomeSmaller) {
  engine_.on_paint = [](const std::vector<Request>& requests, Observer&) {
    SD_CHECK(requests.size() < 4, ErrorKind::kMemory, "out of memory");
  };
  const Outcome outcome = batch("{\"prompt\": \"a\", \"count\": 16}\n", {"--batch-size", "8"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  std::vector<size_t> sizes;
  for (const auto& requests : engine_.batches) sizes.push_back(requests.size());
  EXPECT_EQ(std::ranges::count(sizes, 8), 1) << "it is not tried again";
  EXPECT_THAT(files_in("out"), SizeIs(17));
}

TEST_F(BatchTest, ResumePaintsWhatIsMissing) {
  ASSERT_EQ(batch(kThree).code, 0);
  const std::string picture = read_file("out/00001.png");
  std::filesystem::remove("out/00001.png");
  engine_.batches.clear();
  const Outcome outcome = batch(kThree, {"--resume"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "out/00001.png\n");
  EXPECT_EQ(read_file("out/00001.png"), picture);
  ASSERT_THAT(engine_.requests(), SizeIs(1));
  EXPECT_EQ(batch(kThree, {"--resume"}).out, "");
}

TEST_F(BatchTest, ResumeTakesTheSeedOfTheRunThatItGoesOnWith) {
  write_file("jobs.txt", "a\nb\n");
  const std::vector<std::string> command = {"batch", "jobs.txt", "-o", "out", "-m", "tiny"};
  ASSERT_EQ(sd(command).code, 0);
  std::filesystem::remove("out/00001.png");
  random_seed_ = 5;
  engine_.batches.clear();
  std::vector<std::string> again = command;
  again.emplace_back("--resume");
  EXPECT_EQ(sd(again).code, 0);
  ASSERT_THAT(engine_.requests(), SizeIs(1));
  EXPECT_EQ(engine_.requests()[0].seed, 4711 + 1);
}

TEST_F(BatchTest, ResumeSaysWhatDiffersFromAnotherRun) {
  ASSERT_EQ(batch(kThree).code, 0);
  const Outcome other = batch(kThree, {"--resume", "--scale", "3"});
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.err, AllOf(HasSubstr("'out' are of other jobs"), HasSubstr("scale")));
  std::string changed = kThree;
  changed.replace(changed.find("\"steps\": 5"), 10, "\"steps\": 6");
  engine_.batches.clear();
  const Outcome one = batch(changed, {"--resume"});
  EXPECT_EQ(one.code, 0) << one.err;
  EXPECT_THAT(one.err, HasSubstr("steps is 5 there and 6 here"));
  ASSERT_THAT(engine_.requests(), SizeIs(1));
  EXPECT_EQ(engine_.requests()[0].prompt, "c");
}

TEST_F(BatchTest, WithoutResumeFilesThatAreThereStopIt) {
  ASSERT_EQ(batch(kThree).code, 0);
  engine_.weights_are_loaded = false;
  const Outcome outcome = batch(kThree);
  EXPECT_EQ(outcome.code, 5);
  EXPECT_THAT(outcome.err, HasSubstr("3 files are there already in 'out': '00000.png'"));
  EXPECT_FALSE(engine_.weights_are_loaded);
  EXPECT_EQ(batch(kThree, {"--on-exist", "skip"}).out, "");
}

TEST_F(BatchTest, ShardsShareTheFile) {
  for (const char* shard : {"0/2", "1/2"}) EXPECT_EQ(batch(kThree, {"--shard", shard}).code, 0);
  EXPECT_THAT(files_in("out"),
              ElementsAre("00000.png", "00001.png", "00002.png", "manifest-00000-of-00002.jsonl",
                          "manifest-00001-of-00002.jsonl"));
  EXPECT_THAT(engine_.requests(), SizeIs(3));
  set_variable("RANK", "5");
  set_variable("LOCAL_RANK", "5");
  set_variable("WORLD_SIZE", "2");
  set_variable("LOCAL_WORLD_SIZE", "2");
  set_variable("GROUP_RANK", "0");
  const Outcome outcome = batch(kThree, {"--on-exist", "overwrite"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("RANK"));
}

TEST_F(BatchTest, ClaimsGoWithOneJobFileAndOneSeed) {
  EXPECT_EQ(batch(kThree, {"--claim"}).code, 0);
  EXPECT_THAT(engine_.requests(), SizeIs(3));
  engine_.batches.clear();
  const Outcome again = batch(kThree, {"--claim"});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(engine_.requests(), IsEmpty()) << "all pictures are taken";
  EXPECT_THAT(batch(kThree, {"--claim", "--seed", "2"}).err, HasSubstr("--seed 1"));
  EXPECT_THAT(batch("{\"prompt\": \"x\"}\n", {"--claim"}).err, HasSubstr("another job file"));
}

TEST_F(BatchTest, StoppingKeepsWhatWasPainted) {
  engine_.on_paint = [this](const std::vector<Request>& requests, Observer&) {
    if (requests[0].prompt == "b") {
      signal_ = SIGINT;
      throw Error(ErrorKind::kInterrupted, "stopped");
    }
  };
  const Outcome outcome = batch(kThree, {"--batch-size", "1"});
  EXPECT_EQ(outcome.code, 130);
  EXPECT_THAT(files_in("out"), ElementsAre("00000.png", "manifest.jsonl"));
  EXPECT_THAT(outcome.err, HasSubstr("1 of 3 pictures are done"));
}

TEST_F(BatchTest, DynamicPromptsAreExpandedBySeed) {
  std::filesystem::create_directories("wildcards");
  write_file("wildcards/colour.txt", "red\n");
  const Outcome outcome =
      batch("{\"prompt\": \"a {__colour__|__colour__} circle\"}\n", {"--dynamic"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  ASSERT_THAT(engine_.requests(), SizeIs(1));
  EXPECT_EQ(engine_.requests()[0].prompt, "a red circle");
  EXPECT_EQ(manifest()[1]["template"], "a {__colour__|__colour__} circle");
  std::filesystem::remove_all("out");
  EXPECT_EQ(batch("{\"prompt\": \"a {b|c}\"}\n").code, 0);
  EXPECT_EQ(engine_.requests()[1].prompt, "a {b|c}") << "only where it is asked for";
  EXPECT_THAT(batch("{\"prompt\": \"a {b|c\"}\n", {"--dynamic", "--on-exist", "skip"}).err,
              HasSubstr("jobs.jsonl:1:2: prompt, "));
}

TEST_F(BatchTest, EachModelIsLoadedOnceForAWindow) {
  make_model("models/other");
  const Outcome outcome = batch(
      "{\"prompt\": \"a\"}\n{\"prompt\": \"b\", \"model\": \"other\"}\n{\"prompt\": \"c\"}\n"
      "{\"prompt\": \"d\", \"model\": \"other\"}\n",
      {"--batch-size", "1", "-o", "out/{model}-{index}"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(files_in("out"), ElementsAre("manifest.jsonl", "other-1.png", "other-3.png",
                                           "tiny-0.png", "tiny-2.png"));
  std::vector<std::string> order;
  for (const Request& request : engine_.requests()) order.push_back(request.prompt);
  EXPECT_THAT(order, ElementsAre("a", "c", "b", "d"));
}

TEST_F(BatchTest, OptionsThatCannotHoldAreRefused) {
  write_file("jobs.txt", "a\n");
  EXPECT_THAT(sd({"batch", "-o", "out"}).err, HasSubstr("expects one file of jobs"));
  EXPECT_THAT(sd({"batch", "jobs.txt"}).err, HasSubstr("--output is needed"));
  EXPECT_THAT(sd({"batch", "jobs.txt", "-o", "-"}).err, HasSubstr("expects a folder"));
  EXPECT_THAT(sd({"batch", "no.txt", "-o", "out"}).err, HasSubstr("no.txt"));
  EXPECT_THAT(sd({"batch", "jobs.txt", "-o", "out/{idx}"}).err, HasSubstr("{idx}"));
  EXPECT_THAT(sd({"batch", "jobs.txt", "-o", "out", "--batch-size", "0"}).err,
              HasSubstr("--batch-size"));
  EXPECT_THAT(sd({"batch", "jobs.txt", "-o", "out", "--shard", "3/2"}).err, HasSubstr("--shard"));
  EXPECT_THAT(sd({"batch", "jobs.txt", "-o", "out", "--wildcards", "x"}).err,
              HasSubstr("does nothing without --dynamic"));
  EXPECT_THAT(sd({"batch", "jobs.txt", "-o", "out", "--devices", "a"}).err, HasSubstr("--devices"));
  EXPECT_THAT(sd({"batch", "jobs.txt", "-o", "out", "--devices", "0,1", "--device", "cpu"}).err,
              HasSubstr("--devices and --device cannot stand together"));
  EXPECT_FALSE(std::filesystem::exists("out"));
}

}  // namespace
}  // namespace sd::testing
