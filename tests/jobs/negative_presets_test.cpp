#include "jobs/negative_presets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/sha256.h"
#include "tests/jobs/job_file_support.h"

namespace sd {
namespace {

using testing::ElementsAre;

std::string sha256_of(const std::string& text) {
  Sha256 hash;
  hash.add(text);
  return hash.hex();
}

// hydit/constants.py, as Python's hashlib has it.
TEST(NegativePresets, HunyuanIsTencentsToTheByte) {
  const std::string text = parse_negative_preset("--negative-preset", "hunyuan");
  EXPECT_TRUE(text.ends_with("，")) << text;
  EXPECT_EQ(sha256_of(text), "225d8ecf96a1b147eece4df8804669719ea3665c886cc3e20fcbf7ceb4247d36");
  EXPECT_EQ(parse_negative_preset("--negative-preset", "Hunyuan"), text);
}

TEST(NegativePresets, AnotherNameIsAnsweredWithThoseThatAreKnown) {
  const auto error = [](const std::string& name) {
    return error_of([&] { parse_negative_preset("--negative-preset", name); }, ErrorKind::kUsage);
  };
  EXPECT_EQ(error("best"), "--negative-preset expects hunyuan, found 'best'");
  EXPECT_EQ(error("hunyan"),
            "--negative-preset expects hunyuan, found 'hunyan' (did you mean hunyuan?)");
}

TEST(NegativePresets, AJobKeepsTheText) {
  Job job;
  set_job_value(job, "negative_preset", "hunyuan");
  const std::string text = parse_negative_preset("", "hunyuan");
  EXPECT_EQ(job.request.negative_prompt, text);
  EXPECT_EQ(print_job(job), R"({"prompt":"","negative_prompt":")" + text + R"("})");
}

TEST_F(JobFileTest, ANegativePresetIsAKeyOfEveryFormat) {
  const std::string text = parse_negative_preset("", "hunyuan");
  Job base;
  base.request.negative_prompt = "dark";
  EXPECT_EQ(read_one("a.txt", "a cat --negative-preset hunyuan", base).request.negative_prompt,
            text);
  EXPECT_EQ(read_one("a.csv", "prompt,negative_preset\na,hunyuan\n").request.negative_prompt, text);
  const Job job = read_one("a.jsonl", R"({"prompt": "a", "negative_preset": "hunyuan"})", base);
  EXPECT_EQ(job.request.negative_prompt, text);
  base.request.negative_prompt = text;
  EXPECT_EQ(read_one("a.jsonl", R"({"prompt": "a", "negative_prompt": ""})", base)
                .request.negative_prompt,
            "");
}

TEST_F(JobFileTest, ANegativePresetDoesNotStandBesideANegativePrompt) {
  constexpr const char* kBoth = "negative_prompt and negative_preset cannot stand together";
  EXPECT_THAT(
      errors("a.jsonl", R"({"prompt": "a", "negative_preset": "hunyuan", "negative_prompt": ""})"),
      ElementsAre(std::string("a.jsonl:1:47: ") + kBoth));
  EXPECT_THAT(errors("a.csv",
                     "prompt,negative_prompt,negative_preset\n"
                     "a,dark,\na,,hunyuan\na,dark,hunyuan\n"),
              ElementsAre(std::string("a.csv:4:8: ") + kBoth));
  EXPECT_THAT(errors("a.jsonl", R"({"prompt": "a", "negative_preset": "best"})"),
              ElementsAre("a.jsonl:1:17: negative_preset expects hunyuan, found 'best'"));
  EXPECT_THAT(errors("a.jsonl", R"({"prompt": "a", "negative_preset": 1})"),
              ElementsAre("a.jsonl:1:17: negative_preset expects hunyuan, found 1"));
}

}  // namespace
}  // namespace sd
