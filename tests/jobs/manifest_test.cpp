#include "jobs/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "manifest_support.h"
#include "tests/support/errors.h"

namespace sd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Json = nlohmann::json;

ManifestImage whole_image() {
  const TemporaryFolder folder;
  ManifestImage image = make_image(folder, 3);
  image.wanted_file = "2.png";
  image.worker = "host-12";
  image.prompt_template = "a {cat|dog}";
  image.other_templates = {{"negative_prompt", "{a|b}"}, {"prompt_2", "__c__"}};
  image.parameters = R"({"prompt":"a \"cat\"\nä 猫","scale":7.5,"seed":18446744073709551615})";
  return image;
}

TEST(ManifestName, HasTheShardWithFiveDigits) {
  EXPECT_EQ(manifest_name(), "manifest.jsonl");
  EXPECT_EQ(manifest_name(3, 16), "manifest-00003-of-00016.jsonl");
  EXPECT_EQ(manifest_name(123456, 1234567), "manifest-123456-of-1234567.jsonl");
  EXPECT_EQ(manifest_name("node-1/../12"), "manifest-node-1_.._12.jsonl");
  for (const std::string& name : {manifest_name(), manifest_name(3, 16), manifest_name("a")}) {
    EXPECT_TRUE(is_manifest_name(name)) << name;
  }
  for (const char* name : {"manifest", "manifest-.jsonl", "manifests.jsonl", "my-manifest.jsonl",
                           "manifest.jsonl.tmp", "00001.png"}) {
    EXPECT_FALSE(is_manifest_name(name)) << name;
  }
}

TEST(FindManifests, FindsThoseOfTheFolderItself) {
  const TemporaryFolder folder;
  folder.write("manifest.jsonl", "");
  folder.write(manifest_name(1, 2), "");
  folder.write(manifest_name(0, 2), "");
  folder.write("a.png", "");
  folder.write("sub/manifest.jsonl", "");
  EXPECT_THAT(find_manifests(folder.path()),
              ElementsAre(folder / manifest_name(0, 2), folder / manifest_name(1, 2),
                          folder / "manifest.jsonl"));
  EXPECT_THAT(find_manifests(folder / "missing"), IsEmpty());
  expect_error([&] { find_manifests(folder / "a.png"); }, ErrorKind::kInput,
               "cannot read the folder");
}

TEST(ManifestLine, IsReadAsItWasWritten) {
  ManifestRun stream = some_run();
  stream.job_file_sha256.reset();
  stream.shard = "3/16";
  stream.images = 12;
  const TemporaryFolder folder;
  const std::vector<ManifestLine> lines = {some_run(), stream, whole_image(), make_image(folder, 0),
                                           some_failure(9)};
  for (const ManifestLine& line : lines) {
    const std::string text = print_manifest_line(line);
    EXPECT_THAT(text, testing::Not(HasSubstr("\n")));
    EXPECT_EQ(parse_manifest_line(text, "x:1"), line) << text;
  }
}

TEST(ManifestLine, HasTheKeysThatOtherProgramsRead) {
  EXPECT_EQ(print_manifest_line(some_failure(9)).substr(0, 26), R"({"kind":"failure","index":)");
  const Json run = Json::parse(print_manifest_line(some_run()));
  EXPECT_EQ(run["kind"], "run");
  EXPECT_EQ(run["schema"], 1);
  EXPECT_TRUE(run["shard"].is_null());
  const Json image = Json::parse(print_manifest_line(whole_image()));
  EXPECT_EQ(image["kind"], "image");
  EXPECT_EQ(image["index"], 3);
  EXPECT_EQ(image["timings"]["denoise"], 1.5);
  EXPECT_EQ(image["parameters"]["scale"], 7.5);
  EXPECT_EQ(image["worker"], "host-12");
}

TEST(ManifestLine, IgnoresKeysOfLaterVersionsHoweverDeep) {
  Json image = Json::parse(print_manifest_line(whole_image()));
  image["later"] = {{"a", {1, 2}}};
  EXPECT_EQ(parse_manifest_line(image.dump(), "x:1"), ManifestLine(whole_image()));
  std::string text = print_manifest_line(whole_image());
  text.insert(1, "\"deep\":" + std::string(1000000, '[') + std::string(1000000, ']') + ",");
  EXPECT_EQ(parse_manifest_line(text, "x:1"), ManifestLine(whole_image()));
}

/// Expects of the line with that value for a key, no key where it is nothing, to be refused.
void expect_refused(const ManifestLine& line, const char* key, const std::optional<Json>& value,
                    const std::string& message) {
  Json json = Json::parse(print_manifest_line(line));
  json.erase(key);
  if (value) json[key] = *value;
  EXPECT_EQ(error_of([&] { parse_manifest_line(json.dump(), "m.jsonl:5"); }, ErrorKind::kInput),
            "m.jsonl:5: " + message);
}

TEST(ManifestLine, SaysWhatIsDamaged) {
  const ManifestImage image = whole_image();
  expect_refused(image, "index", {}, "the key index is missing");
  expect_refused(image, "index", -1, "index expects a whole number from 0, found -1");
  expect_refused(image, "bytes", 1.5, "bytes expects a whole number from 0, found 1.5");
  expect_refused(image, "batch_size", 5000000000, "batch_size is too large, found 5000000000");
  expect_refused(image, "file", 3, "file expects a text, found 3");
  for (const char* name : {"/etc/passwd", "../a.png", "a/../../b", ""}) {
    expect_refused(image, "file", name,
                   "file expects a name below the manifest's folder, found " + Json(name).dump());
  }
  expect_refused(image, "sha256", "12", "sha256 expects 64 hexadecimal digits, found \"12\"");
  expect_refused(image, "job", std::string(64, 'X'),
                 "job expects 64 hexadecimal digits, found \"" + std::string(59, 'X') + "...");
  expect_refused(image, "timings", Json::object({{"encode", 1}}),
                 "timings expects an object of seconds, found {\"encode\":1}");
  expect_refused(image, "parameters", "x",
                 "parameters expects an object of texts and numbers, "
                 "found \"x\"");
  expect_refused(image, "parameters", Json::object({{"a", Json::array({1})}}),
                 "parameters expects an object of texts and numbers, found {\"a\":[1]}");
  expect_refused(image, "templates", Json::object({{"prompt_2", 1}}),
                 "templates expects an object of texts, found {\"prompt_2\":1}");
  expect_refused(image, "kind", "picture", "kind expects run, image or failure, found \"picture\"");
  expect_refused(some_run(), "schema", 2,
                 "schema 2 is of another version of sd, this one reads schema 1");
  expect_refused(some_failure(1), "error", {}, "the key error is missing");
  for (const char* text : {"", "x", "[]", "{\"kind\":", "{} {}", "null", "{\"kind\":\"\xff\"}"}) {
    EXPECT_EQ(error_of([&] { parse_manifest_line(text, "m:1"); }, ErrorKind::kInput),
              "m:1: it is no JSON object, the line is damaged");
  }
}

TEST(DescribeDifference, OfRunsNamesJobFileSeedAndModel) {
  const ManifestRun run = some_run();
  EXPECT_EQ(describe_difference(run, run), "");
  ManifestRun other = run;
  other.device = "cuda";
  other.job_file = "/elsewhere/jobs.jsonl";
  other.model = "folder/tiny";
  EXPECT_EQ(describe_difference(run, other), "") << "the hashes are the same";
  other.seed = 8;
  other.model_hash = std::string(64, 'c');
  EXPECT_EQ(describe_difference(run, other),
            "the seed is 7 there and 8 here; the model is 'tiny' (bbbbbbbbbb) there and "
            "'folder/tiny' (cccccccccc) here");
  other = run;
  other.job_file_sha256 = std::string(64, 'd');
  EXPECT_EQ(describe_difference(run, other), "the job file 'jobs.jsonl' has other content");
  other.job_file = "b.txt";
  EXPECT_EQ(describe_difference(run, other),
            "the job file is 'jobs.jsonl' there and 'b.txt' here, with other content");
  other.job_file_sha256.reset();
  other.model_hash = "";
  other.model = "large";
  EXPECT_EQ(describe_difference(run, other),
            "the job file is 'jobs.jsonl' there and 'b.txt' here; the model is 'tiny' there and "
            "'large' here");
}

}  // namespace
}  // namespace sd
