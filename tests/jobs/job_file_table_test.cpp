#include "tests/jobs/job_file_support.h"

namespace sd {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(JobFileTest, ATableHasKeysAndAJobOnEachLine) {
  Job base;
  base.request.steps = 5;
  const JobsRead found = read("jobs.csv",
                              "prompt,steps,cfg-scale,sampler\n"
                              "a red circle,20,7.5,DPM++ 2M\n"
                              "\n"
                              "a blue square,,,\n"
                              ",,,\n",
                              base);
  EXPECT_THAT(found.errors, IsEmpty());
  EXPECT_THAT(found.prompts(), ElementsAre("a red circle", "a blue square"));
  EXPECT_EQ(found.jobs[0].request.steps, 20);
  EXPECT_EQ(found.jobs[0].request.scale, 7.5);
  EXPECT_EQ(found.jobs[0].request.sampler, "dpmpp_2m");
  EXPECT_EQ(found.jobs[1].request.steps, 5) << "an empty cell is as left out";
  EXPECT_EQ(print_place(found.jobs[1].place), (folder_ / "jobs.csv").string() + ":4");
}

TEST_F(JobFileTest, ATableHasWhatOnlySomeFamiliesHave) {
  const JobsRead found = read("jobs.csv",
                              "prompt,prompt_2,skip_layers,skip_layer_stop\n"
                              "a,b,\"7,8\",0.5\n"
                              "a,,7 8 9,\n"
                              "a,c,none,\n"
                              "a,c,,0.5\n"
                              "a,c,7-9,\n");
  ASSERT_EQ(found.jobs.size(), 3);
  EXPECT_EQ(found.jobs[0].request.prompt_2, "b");
  EXPECT_EQ(found.jobs[0].request.skip_layers, (SkipLayerGuidance{.layers = {7, 8}, .stop = 0.5}));
  EXPECT_EQ(found.jobs[1].request.prompt_2, "");
  EXPECT_THAT(found.jobs[1].request.skip_layers.layers, ElementsAre(7, 8, 9));
  EXPECT_THAT(found.jobs[2].request.skip_layers.layers, IsEmpty());
  EXPECT_THAT(found.errors,
              ElementsAre("jobs.csv:5:6: skip_layer_stop expects skip_layers beside it",
                          "jobs.csv:6:5: skip_layers expects whole numbers from 0 to 999 with "
                          "commas between, or none, found '7-9'"));
}

// RFC 4180, section 2, and blanks around cells.
TEST_F(JobFileTest, CellsMayBeQuoted) {
  const std::vector<std::pair<std::string, std::string>> cells = {
      {"a circle", "a circle"},
      {"\"a, b\"", "a, b"},
      {"\"a \"\"red\"\" b\"", "a \"red\" b"},
      {"\"a\nb\"", "a\nb"},
      {"\"a\r\n\r\nb\"", "a\n\nb"},
      {"  a  b ", "a  b"},
      {"  \" a \"  ", " a "},
      {"a \"red\" b", "a \"red\" b"},
      {"\"\"\"\"", "\""},
      {"it's", "it's"},
      {"\"#\"", "#"},
      {"{\"a\"|b}", "{\"a\"|b}"}};
  for (const auto& [cell, prompt] : cells) {
    for (const char* end : {"", "\n", "\r\n"}) {
      const Job job = read_one("jobs.csv", "\"seed\", prompt ,count\n1," + cell + ",2" + end);
      EXPECT_EQ(job.request.prompt, prompt);
      EXPECT_EQ(job.count, 2);
      EXPECT_EQ(read_one("jobs.tsv", "seed\tprompt\n1\t" + cell + end).request.prompt, prompt);
    }
  }
  EXPECT_EQ(read_one("jobs.tsv", "prompt\tseed\n\"a\tb\"\t1\n").request.prompt, "a\tb");
}

TEST_F(JobFileTest, ABadCellIsNamedWithItsPlace) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"\u96ea,many", "2:3: steps expects a whole number from 1 to 1000, found 'many'"},
      {"\"a\nb\",many", "3:4: steps expects a whole number from 1 to 1000, found 'many'"},
      {"a,\" 3\"", "2:3: steps expects a whole number from 1 to 1000, found ' 3'"},
      {"a,20.0", "2:3: steps expects a whole number from 1 to 1000, found '20.0'"},
      {",3", "2:1: expected a prompt, found none"},
      {"a, b,3",
       "2:6: expected 2 cells as in the first line, found 3 (a cell with a comma in it "
       "stands in quotes)"},
      {"a", "2:2: expected 2 cells as in the first line, found 1"},
      {"\"a\"b,3",
       "2:4: expected the end of the cell after its second quote, found 'b,3' (in a "
       "cell a quote is written twice)"},
      {"a\rb,3",
       "2:2: expected a line feed after this carriage return, found none (lines end "
       "with LF or CR LF)"},
      {"\xff,3", "2:1: expected text in UTF-8, found a byte that is none"},
      {"a\0b,3"s, "2:2: expected text, found a NUL character"}};
  for (const auto& [row, error] : rows) {
    const JobsRead found = read("jobs.csv", "prompt,steps\n" + row + "\nnext,4\n");
    EXPECT_THAT(found.errors, ElementsAre("jobs.csv:" + error)) << row;
    EXPECT_THAT(found.prompts(), ElementsAre("next")) << row;
  }
}

TEST_F(JobFileTest, AQuoteWithoutItsEndIsNamed) {
  const JobsRead found = read("jobs.csv", "prompt,steps\na,3\n \"b,4\nc,5\n");
  EXPECT_THAT(found.prompts(), ElementsAre("a"));
  EXPECT_THAT(
      found.errors,
      ElementsAre("jobs.csv:3:2: expected a second quote for this one, found the end of the file"));
  const std::string lines = "prompt\n\"" + std::string(3U << 20, '\n') + "\"\nb\n";
  const JobsRead large = read("jobs.csv", lines);
  EXPECT_THAT(large.errors,
              ElementsAre("jobs.csv:2:1: expected a record of at most 1048576 bytes, found no "
                          "second quote for this one in them"));
  EXPECT_TRUE(large.is_broken);
}

TEST_F(JobFileTest, ABadHeadIsTheOnlyError) {
  const std::vector<std::pair<std::string, std::string>> heads = {
      {"prompt,stpes",
       "1:8: expected a key such as prompt or steps, found 'stpes' (did you mean "
       "steps?)"},
      {"prompt,W,width", "1:10: expected width once, found it again"},
      {",prompt", "1:1: expected a key such as prompt or steps, found ''"},
      {"prompt,styles", "1:8: styles is of AUTOMATIC1111's web UI and has no equal here"},
      {"a red circle", "1:1: expected a key such as prompt or steps, found 'a red circle'"},
      {"prompt;steps", "1:1: expected a key such as prompt or steps, found 'prompt;steps'"}};
  for (const auto& [head, error] : heads) {
    const JobsRead found = read("jobs.csv", head + "\na,3\nb,4\n");
    EXPECT_THAT(found.errors, ElementsAre("jobs.csv:" + error)) << head;
    EXPECT_THAT(found.jobs, IsEmpty());
    EXPECT_TRUE(found.is_broken);
  }
}

TEST_F(JobFileTest, ATableMayBeEmpty) {
  for (const std::string text : {"", "\n\n", "prompt,steps", "prompt,steps\n\n"}) {
    EXPECT_THAT(read("jobs.csv", text).jobs, IsEmpty());
    EXPECT_THAT(errors("jobs.csv", text), IsEmpty());
  }
}

}  // namespace
}  // namespace sd
