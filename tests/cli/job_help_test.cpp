// What --help says of jobs is true: its examples run.

#include "cli/job_help.h"

#include <gmock/gmock.h>

#include "jobs/job_keys.h"
#include "tests/cli/cli_fixture.h"

namespace sd::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class JobHelpTest : public CliTest {
 protected:
  /// The lines of the example under that title, as a file.
  static std::string example(const std::string& title) {
    std::string text;
    for (const HelpSection& section : batch_sections()) {
      if (!section.title.starts_with(title)) continue;
      for (const std::string_view line : section.lines) text += std::string(line) + "\n";
    }
    return text;
  }

  /// Runs the example as a job file and returns what the engine was asked for.
  std::vector<Request> run(const std::string& title, const std::string& file) {
    SCOPED_TRACE(title);
    write_file(file, example(title));
    engine_.batches.clear();
    const Outcome outcome =
        sd({"batch", file, "-m", "tiny", "-o", file + "-out", "-s", "1", "--batch-size", "1"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return engine_.requests();
  }
};

TEST_F(JobHelpTest, TheTextRuns) {
  const std::vector<Request> requests = run("Text", "jobs.txt");
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_EQ(requests[0].prompt, "a red circle on white");
  EXPECT_EQ(requests[1].prompt, "a blue square");
  EXPECT_EQ(requests[1].steps, 30);
  EXPECT_EQ(requests[1].seed, 7);
  EXPECT_EQ(requests[1].negative_prompt, "dark, blurry");
}

TEST_F(JobHelpTest, TheJsonLinesRun) {
  ASSERT_EQ(txt2img({"-p", "x", "-o", "circle.png"}).code, 0);
  const std::vector<Request> requests = run("JSON lines", "jobs.jsonl");
  ASSERT_THAT(requests, SizeIs(6));
  EXPECT_EQ(requests[4].sampler, "euler_a");
  EXPECT_TRUE(requests[5].init_image);
  EXPECT_EQ(requests[5].strength, 0.6);
}

TEST_F(JobHelpTest, TheJsonRuns) {
  const std::vector<Request> requests = run("JSON (", "jobs.json");
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_EQ(requests[0].height, 96);
  EXPECT_TRUE(std::filesystem::exists("jobs.json-out/square-2.png"));
}

TEST_F(JobHelpTest, TheCsvRunsAlsoWithTabs) {
  const std::vector<Request> requests = run("CSV (", "jobs.csv");
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_EQ(requests[0].prompt, "a red circle, on white");
  EXPECT_EQ(requests[0].scale, 7.5);
  EXPECT_EQ(requests[1].steps, 30);
  EXPECT_FALSE(requests[1].scale);
}

TEST_F(JobHelpTest, EveryCommandOfJobsShowsEveryKey) {
  for (const char* command : {"batch", "replay", "grid"}) {
    const std::string help = sd({command, "--help"}).out;
    for (const JobKey& key : job_keys())
      EXPECT_THAT(help, HasSubstr("\n  " + std::string(key.name)));
    EXPECT_THAT(help, HasSubstr("\n  {index:05}  "));
  }
}

TEST_F(JobHelpTest, ExamplesStandInHelpAndManPageAsTheyAre) {
  const std::string help = sd({"batch", "--help"}).out;
  const std::string page = sd({"man"}).out;
  for (const HelpSection& section : batch_sections()) {
    for (const std::string_view line : section.lines) {
      EXPECT_THAT(help, HasSubstr("\n    " + std::string(line) + "\n"));
    }
  }
  EXPECT_THAT(page, HasSubstr("\n.EX\nprompt,steps,scale\n\"a red circle, on white\",20,7.5\n"));
  EXPECT_EQ(sd({"--help"}).out.find("prompt,steps,scale"), std::string::npos)
      << "what belongs to a command stands with it";
}

}  // namespace
}  // namespace sd::testing
