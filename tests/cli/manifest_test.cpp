// `sd manifest`: what src/jobs finds, as text, JSON and exit codes.

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "cli/manifest_report.h"
#include "tests/cli/cli_fixture.h"

namespace sd::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ManifestTest : public CliTest {
 protected:
  /// Paints five pictures into `out`, in two shards.
  void SetUp() override {
    CliTest::SetUp();
    write_file("jobs.txt", "a\nb\nc\nd\ne\n");
    for (const char* shard : {"0/2", "1/2"}) {
      ASSERT_EQ(
          sd({"batch", "jobs.txt", "-m", "tiny", "-o", "out", "-s", "1", "--shard", shard}).code,
          0);
    }
  }

  nlohmann::json verify_json(int code) {
    const Outcome outcome = sd({"manifest", "verify", "out", "--json"});
    EXPECT_EQ(outcome.code, code) << outcome.err;
    EXPECT_TRUE(outcome.out.ends_with("}\n"));
    return nlohmann::json::parse(outcome.out);
  }
};

TEST_F(ManifestTest, AWholeFolderIsSound) {
  const Outcome outcome = sd({"manifest", "verify", "out"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "out: 5 of 5 pictures were made, all of them are there and whole\n");
  const auto object = verify_json(0);
  EXPECT_EQ(object["schema"], 1);
  EXPECT_EQ(object["folder"], "out");
  EXPECT_EQ(object["sound"], true);
  EXPECT_EQ(object["images"], 5);
  EXPECT_EQ(object["expected"], 5);
  EXPECT_EQ(object["missing"]["count"], 0);
  fs::current_path("out");
  EXPECT_EQ(sd({"manifest", "verify"}).code, 0) << "the current folder";
}

TEST_F(ManifestTest, WhatIsWrongIsNamed) {
  fs::remove("out/00001.png");
  write_file("out/00003.png", "other bytes");
  write_file("out/my.png", "mine");
  const Outcome outcome = sd({"manifest", "verify", "out"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out,
            "out: 5 of 5 pictures were made\n"
            "  files that are gone: 1\n"
            "    00001.png\n"
            "  files with other bytes than were written: 1\n"
            "    00003.png\n"
            "  files that no line names: 1\n"
            "    my.png\n");
  const auto object = verify_json(1);
  EXPECT_EQ(object["sound"], false);
  EXPECT_THAT(object["absent"]["first"], ElementsAre("00001.png"));
  EXPECT_EQ(object["damaged"]["count"], 1);
  EXPECT_THAT(object["unnamed"]["first"], ElementsAre("my.png"));
}

TEST_F(ManifestTest, AMissingShardIsMissed) {
  fs::remove("out/manifest-00001-of-00002.jsonl");
  const Outcome outcome = sd({"manifest", "verify", "out"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, AllOf(StartsWith("out: 3 of 5 pictures were made\n"),
                                 HasSubstr("  pictures that no line tells of: 2\n    1\n    3\n")));
}

TEST_F(ManifestTest, EveryKeyIsExplained) {
  std::vector<std::string> names;
  for (const HelpRow& row : manifest_keys()) names.emplace_back(row.term);
  const nlohmann::json verified = verify_json(0);
  for (const auto& [key, value] : verified.items()) EXPECT_THAT(names, Contains(key));
  const Outcome merged = sd({"manifest", "merge", "out", "-o", "all.jsonl", "--json"});
  const auto object = nlohmann::json::parse(merged.out);
  for (const auto& [key, value] : object.items()) EXPECT_THAT(names, Contains(key));
}

TEST_F(ManifestTest, MergeMakesOneOfSeveral) {
  const Outcome outcome = sd({"manifest", "merge", "out", "-o", "out/manifest.jsonl"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "out/manifest.jsonl\n");
  EXPECT_THAT(outcome.err, HasSubstr("sd: merged 2 manifests: 5 pictures, 0 failed\n"));
  for (const char* shard :
       {"out/manifest-00000-of-00002.jsonl", "out/manifest-00001-of-00002.jsonl"}) {
    fs::remove(shard);
  }
  EXPECT_EQ(sd({"manifest", "verify", "out"}).code, 0);
  EXPECT_THAT(sd({"batch", "jobs.txt", "-m", "tiny", "-o", "out", "-s", "1", "--resume"}).err,
              HasSubstr("nothing is left to paint"));
}

TEST_F(ManifestTest, MergeTakesFilesAndTellsInJson) {
  const Outcome outcome =
      sd({"manifest", "merge", "out/manifest-00000-of-00002.jsonl",
          "out/manifest-00001-of-00002.jsonl", "-o", "all.jsonl", "--json", "-q"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(
      outcome.out,
      "{\"schema\":1,\"manifest\":\"all.jsonl\",\"manifests\":2,\"images\":5,\"failures\":0}\n");
  EXPECT_EQ(outcome.err, "");
}

TEST_F(ManifestTest, MergeReplacesAFileWhereItIsTold) {
  write_file("all.jsonl", "mine");
  const Outcome refused = sd({"manifest", "merge", "out", "-o", "all.jsonl"});
  EXPECT_EQ(refused.code, 5);
  EXPECT_EQ(read_file("all.jsonl"), "mine");
  EXPECT_EQ(sd({"manifest", "merge", "out", "-o", "all.jsonl", "--on-exist", "overwrite"}).code, 0);
  EXPECT_THAT(read_file("all.jsonl"), StartsWith("{"));
}

TEST_F(ManifestTest, ErrorsHaveTheCodesOfTheirKinds) {
  const auto expect = [&](const std::vector<std::string>& arguments, int code,
                          const std::string& part) {
    SCOPED_TRACE(::testing::PrintToString(arguments));
    const Outcome outcome = sd(arguments);
    EXPECT_EQ(outcome.code, code);
    EXPECT_THAT(outcome.err, HasSubstr(part));
    EXPECT_EQ(outcome.out, "");
  };
  expect({"manifest"}, 2, "merge or verify is needed");
  expect({"manifest", "verifi", "out"}, 2, "did you mean verify?");
  expect({"manifest", "verify", "out", "out"}, 2, "verify expects one folder, found 2");
  expect({"manifest", "verify", "jobs.txt"}, 2, "found the file 'jobs.txt'");
  expect({"manifest", "verify", "gone"}, 2, "found nothing at 'gone'");
  expect({"manifest", "verify", "out", "-o", "x"}, 2, "verify writes nothing, found --output");
  expect({"manifest", "merge", "out"}, 2, "--output FILE is needed");
  expect({"manifest", "merge", "out", "-o", "x", "--on-exist", "rename"}, 2,
         "--on-exist expects overwrite or error");
  fs::create_directory("empty");
  expect({"manifest", "verify", "empty"}, 4, "empty");
  expect({"manifest", "merge", "out", "-o", "gone/all.jsonl"}, 5, "gone");
  ASSERT_EQ(sd({"batch", "jobs.txt", "-m", "tiny", "-o", "other", "-s", "2"}).code, 0);
  expect({"manifest", "merge", "out", "other", "-o", "all.jsonl"}, 2, "cannot merge");
  write_file("out/manifest-00001-of-00002.jsonl", "{\"kind\": \"what\"}\n");
  expect({"manifest", "verify", "out"}, 4, "manifest-00001-of-00002.jsonl:1");
  expect({"manifest", "merge", "out", "-o", "all.jsonl"}, 4, "manifest-00001-of-00002.jsonl:1");
}

TEST_F(ManifestTest, FailedPicturesAreNamedWithTheirReason) {
  engine_.on_paint = [](const std::vector<Request>&, Observer&) {
    throw Error(ErrorKind::kNumeric, "NaN in the latents");
  };
  ASSERT_EQ(sd({"batch", "jobs.txt", "-m", "tiny", "-o", "failed", "-s", "1"}).code, 1);
  const Outcome outcome = sd({"manifest", "verify", "failed"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, AllOf(StartsWith("failed: 0 of 5 pictures were made\n"),
                                 HasSubstr("  pictures that could not be made: 5\n    0: "),
                                 HasSubstr("NaN in the latents")));
}

}  // namespace
}  // namespace sd::testing
