#include "jobs/job_error.h"
#include "tests/jobs/job_file_support.h"

namespace sd {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(JobFileTest, JsonLinesHaveAnObjectEach) {
  const JobsRead found = read("jobs.jsonl",
                              "{\"prompt\": \"a \\u96ea\", \"steps\": 20, \"seed\": -1}\n"
                              "\n"
                              "  {\"prompt\":\"b\",\"scale\":7,\"steps\":null}  \n"
                              "{}\n",
                              [] {
                                Job base;
                                base.request.prompt = "base";
                                base.request.steps = 5;
                                base.seed = 9;
                                return base;
                              }());
  EXPECT_THAT(found.errors, IsEmpty());
  EXPECT_THAT(found.prompts(), ElementsAre("a \u96ea", "b", "base"));
  EXPECT_EQ(found.jobs[0].request.steps, 20);
  EXPECT_EQ(found.jobs[0].seed, 9U) << "-1 is as left out";
  EXPECT_EQ(found.jobs[1].request.scale, 7);
  EXPECT_EQ(found.jobs[1].request.steps, 5);
  EXPECT_EQ(print_place(found.jobs[1].place), (folder_ / "jobs.jsonl").string() + ":3");
}

TEST_F(JobFileTest, ErrorsFoundLaterHaveThePlaceOfTheirKey) {
  const std::string path = (folder_ / "jobs.json").string();
  const Job job = read_one("jobs.json",
                           "[\n {\"prompt\": \"\u96ea\", \"W\": 65,\n  \"steps\": 1, "
                           "\"sampler\": \"heun\", \"eta\": null}\n]");
  EXPECT_EQ(describe_job_error(job, "--width: expected a multiple of 8, found 65"),
            path + ":2:18: width: expected a multiple of 8, found 65");
  EXPECT_EQ(describe_job_error(job, "--steps 1 with --sampler heun: too few"),
            path + ":3:15: steps 1 with sampler heun: too few")
      << "the last of several";
  EXPECT_EQ(describe_job_error(job, "--eta: only ddim; try --vae-tiling"),
            path + ":2:2: eta: only ddim; try --vae-tiling")
      << "a key that is not the job's, and an option that is none";
  EXPECT_EQ(describe_job_error(job, "it is no picture", "W"), path + ":2:2: it is no picture");
  const Job of_three = read_one("jobs.json", R"({"prompt": "a", "negative_prompt_2": "b"})");
  EXPECT_EQ(describe_job_error(of_three, "--negative-prompt-2: this model has one text encoder"),
            path + ":1:17: negative_prompt_2: this model has one text encoder")
      << "a name with a digit";
  EXPECT_EQ(describe_job_error(job, "too wide", "width"), path + ":2:18: too wide");
}

TEST_F(JobFileTest, JsonIsAListOrObjectsOneAfterTheOther) {
  const std::string one = R"({"prompt": "a"})";
  const std::string other = R"({"prompt": "b"})";
  const std::string long_one = "{\r\n  \"prompt\": \"a\"\r\n}";
  for (const std::string& text :
       {"[" + one + ", " + other + "]",
        kMark + "[\r\n  " + long_one + ",\r\n  " + other + "\r\n]\r\n", long_one + "\n" + other,
        one + other, one + "\n" + other + "\n"}) {
    const JobsRead found = read("jobs.json", text);
    EXPECT_THAT(found.errors, IsEmpty()) << text;
    EXPECT_THAT(found.prompts(), ElementsAre("a", "b")) << text;
  }
  EXPECT_EQ(read_one("jobs.json", "{\"prompt\": \"}]\\\"{[\\\\\"}").request.prompt, "}]\"{[\\");
  for (const char* nothing : {"", "[]", " [ ] \n", "\n"}) {
    EXPECT_THAT(read("jobs.json", nothing).jobs, IsEmpty());
    EXPECT_THAT(errors("jobs.json", nothing), IsEmpty());
  }
}

TEST_F(JobFileTest, AListOfNumbersIsAValue) {
  const auto layers = [&](const std::string& list, const Job& base = {}) {
    return read_one("jobs.json", R"([{"prompt": "a", "skip_layers": )" + list + R"(, "seed": 1}])",
                    base)
        .request.skip_layers.layers;
  };
  EXPECT_THAT(layers("[7]"), ElementsAre(7));
  EXPECT_THAT(layers("[\n9 , 7,\t8 ]"), ElementsAre(7, 8, 9));
  Job base;
  base.request.skip_layers.layers = {3};
  EXPECT_THAT(layers("null", base), ElementsAre(3));
  EXPECT_THAT(layers("[]", base), IsEmpty());
  const Job job =
      read_one("jobs.jsonl", R"({"skip_layer_stop": 0.5, "prompt": "a", "skip_layers": [1]})");
  EXPECT_EQ(job.request.skip_layers, (SkipLayerGuidance{.layers = {1}, .stop = 0.5}));
}

TEST_F(JobFileTest, JobsOfAListKnowTheirPlace) {
  const JobsRead found = read("jobs.json", "[\n  {\"prompt\": \"\u96ea\"}, {\"prompt\": \"b\"}]");
  ASSERT_EQ(found.jobs.size(), 2U);
  const std::string file = (folder_ / "jobs.json").string();
  EXPECT_EQ(print_place(found.jobs[0].place), file + ":2:3");
  EXPECT_EQ(print_place(found.jobs[1].place), file + ":2:20");
}

TEST_F(JobFileTest, ABadMemberIsNamedWithThePlaceOfItsKey) {
  const std::vector<std::pair<std::string, std::string>> lines = {
      {R"({"prompt": "é", "stpes": 3})",
       "1:17: expected a key such as prompt or steps, found 'stpes' (did you mean steps?)"},
      {R"({"prompt": "a", "st\u0065ps": "20"})",
       "1:17: steps expects a whole number from 1 to 1000, found \"20\""},
      {R"({"a\"\\": 1})", "1:2: expected a key such as prompt or steps, found 'a\"\\'"},
      {R"({"prompt": "a", "steps": 1e1})",
       "1:17: steps expects a whole number from 1 to 1000, found '1e1'"},
      {R"({"prompt": "a", "seed": 18446744073709551616})",
       "1:17: seed expects a whole number from 0 to 18446744073709551615, found "
       "'18446744073709551616'"},
      {R"({"prompt": 5})", "1:2: prompt expects a text, found 5"},
      {R"({"prompt": ["a"]})", "1:2: prompt expects a text, found a list"},
      {R"({"prompt": {"steps": 3}})", "1:2: prompt expects a text, found an object"},
      {R"({"prompt": "a\u0000b"})", "1:2: prompt expects text, found a NUL character in it"},
      {R"({"prompt": "a", "prompt": "b"})", "1:17: expected prompt once, found it again"},
      {R"({"prompt": "a", "W": 64, "width": null})", "1:26: expected width once, found it again"},
      {R"({"prompt": "a", "n_samples": 2, "n_iter": 2})",
       "1:33: expected count once, found it again as n_iter"},
      {R"({"prompt": "a", "styles": null})",
       "1:17: styles is of AUTOMATIC1111's web UI and has no equal here"},
      {R"(  {"steps": 3})", "1:1: expected a prompt, found none"},
      {R"({"prompt": null})", "1:1: expected a prompt, found none"},
      {R"({"prompt": [["a"]]})", "1:2: prompt expects a text, found a list of lists or objects"},
      {R"({"prompt": "a", "skip_layers": [7, "8"]})",
       "1:17: skip_layers expects whole numbers from 0 to 999 with commas between, or none, found "
       "'\"8\"'"},
      {R"({"prompt": "a", "skip_layers": [7, {"a": 1}]})",
       "1:17: skip_layers expects whole numbers from 0 to 999 with commas between, in JSON a list "
       "of them, or none, found a list of lists or objects"},
      {R"({"prompt": "a", "skip_layers": [7, null]})",
       "1:17: skip_layers expects whole numbers from 0 to 999 with commas between, or none, found "
       "'null'"},
      {R"({"prompt": "a", "skip_layers": 7})",
       "1:17: skip_layers expects whole numbers from 0 to 999 with commas between, in JSON a list "
       "of them, or none, found 7"},
      {R"({"prompt": "a", "max_sequence_length": 513})",
       "1:17: max_sequence_length expects a whole number from 1 to 512, found '513'"},
      {R"({"prompt": "a", "skip_layer_stop": 1})",
       "1:17: skip_layer_stop expects skip_layers beside it"},
      {R"({"prompt": "a", "skip_layers": [1], "skip_layer_start": 0.3})",
       "1:37: skip_layer_start expects less than the skip_layer_stop of 0.2, found 0.3"},
      {R"({"strength": 0.5, "prompt": "a"})",
       "1:2: strength expects init_img or init_latents beside it"},
  };
  for (const auto& [line, error] : lines) {
    EXPECT_THAT(errors("jobs.jsonl", line), ElementsAre("jobs.jsonl:" + error)) << line;
  }
}

TEST_F(JobFileTest, WhatIsNoObjectIsNamedWithItsPlace) {
  const std::vector<std::pair<std::string, std::string>> lines = {
      {"a red circle", "1:1: expected an object in braces { }, found 'a red circle'"},
      {"  \"a\"", "1:3: expected an object in braces { }, found '\"a\"'"},
      {R"({"skip_layers": [7, })",
       "1:21: expected valid JSON (unexpected '}'; expected '[', '{', or a literal)"},
      {R"({"prompt" "a"})", "1:11: expected valid JSON (unexpected string literal; expected ':')"},
      {R"({"prompt": "a" "seed": 1})",
       "1:16: expected valid JSON (unexpected string literal; expected '}')"},
      {R"({"prompt": "é", })",
       "1:17: expected valid JSON (unexpected '}'; expected string literal)"},
      {R"({"prompt": 'a'})", "1:12: expected valid JSON (invalid literal)"},
      {R"({"prompt": "a")", "1:15: expected valid JSON (unexpected end of input; expected '}')"},
      {R"({"prompt": "a)", "1:12: expected valid JSON (invalid string: missing closing quote)"},
      {"{\"prompt\": \"a\tb\"}",
       "1:12: expected valid JSON (invalid string: control character U+0009 (HT) must be escaped "
       "to \\u0009 or \\t)"},
      {R"({"prompt": "\ud800"})",
       "1:12: expected valid JSON (invalid string: surrogate U+D800..U+DBFF must be followed by "
       "U+DC00..U+DFFF)"},
      {R"({"scale": 1e999})", "1:11: expected valid JSON (number overflow parsing '1e999')"},
      {R"({"prompt": "a"} {"prompt": "b"})",
       "1:17: expected valid JSON (unexpected '{'; expected end of input)"},
      {R"({"prompt": "a"},)", "1:16: expected valid JSON (unexpected ','; expected end of input)"},
      {R"({"prompt": NaN})", "1:12: expected valid JSON (invalid literal)"}};
  for (const auto& [line, error] : lines) {
    EXPECT_THAT(errors("jobs.jsonl", line), ElementsAre("jobs.jsonl:" + error)) << line;
  }
}

TEST_F(JobFileTest, TheNextLineOfJsonIsReadAfterAnError) {
  const JobsRead found = read("jobs.jsonl",
                              "{\"prompt\": \"a\"}\n{\"prompt\": \"\n[]\n{\"prompt\": \"\xff\"}\n"
                              "{\"prompt\": \"\0\"}\n{\"prompt\": \"b\"}"s);
  EXPECT_THAT(found.prompts(), ElementsAre("a", "b"));
  EXPECT_THAT(found.errors,
              ElementsAre("jobs.jsonl:2:12: expected valid JSON (invalid string: missing closing "
                          "quote)",
                          "jobs.jsonl:3:1: expected an object in braces { }, found '[]'",
                          "jobs.jsonl:4:13: expected text in UTF-8, found a byte that is none",
                          "jobs.jsonl:5:13: expected text, found a NUL character"));
}

TEST_F(JobFileTest, TheNextElementIsReadAfterAnError) {
  const JobsRead found = read("jobs.json", R"([
  {"prompt": "a",
   "steps": 0},
  "b", 5, [1, {"x": 2}], null,
  {"prompt": "c" "d"},
  {"prompt": "e"}
  {"prompt": "f"},,
  {"prompt": "g"},
])");
  EXPECT_THAT(found.prompts(), ElementsAre("e", "f", "g"));
  EXPECT_THAT(
      found.errors,
      ElementsAre("jobs.json:3:4: steps expects a whole number from 1 to 1000, found '0'",
                  "jobs.json:4:3: expected an object in braces { }, found '\"b\"'",
                  "jobs.json:4:8: expected an object in braces { }, found '5'",
                  "jobs.json:4:11: expected an object in braces { }, found '[1, {\"x\": 2}]'",
                  "jobs.json:4:26: expected an object in braces { }, found 'null'",
                  "jobs.json:5:18: expected valid JSON (unexpected string literal; expected '}')",
                  "jobs.json:7:3: expected , between objects, found none",
                  "jobs.json:7:19: expected an object, found ','",
                  "jobs.json:9:1: expected an object, found ']'"));
  EXPECT_FALSE(found.is_broken);
}

TEST_F(JobFileTest, WhereNothingCanBeFoundInJsonItEnds) {
  const std::string job = R"({"prompt": "a"})";
  const std::vector<std::pair<std::string, std::string>> files = {
      {"[" + job, "1:17: expected , or ], found the end of the file"},
      {"[" + job + ",\n", "2:1: expected an object or ], found the end of the file"},
      {"[", "1:2: expected an object or ], found the end of the file"},
      {"[" + job + "}", "1:17: expected , or ], found '}'"},
      {"[" + job + "] " + job, "1:19: expected nothing after the ], found '{\"prompt\":'"},
      {"[" + job + ", {\"prompt\": \"b\",\n",
       "1:19: expected an end of what begins here, found the end of the file"},
      {"[" + job + ",\n{\"prompt\": \"b}\n]\n",
       "2:12: expected a second \" in this line, found none"},
      {"[" + job + ",\n{\"prompt\": \"b", "2:12: expected a second \" in this line, found none"},
      {"[}", "1:2: expected an object, found '}'"},
      {job + " x y", "1:17: expected an object in braces { }, found 'x'"},
      {"a red circle", "1:1: expected an object in braces { }, found 'a'"}};
  for (const auto& [text, error] : files) {
    const JobsRead found = read("jobs.json", text);
    EXPECT_THAT(found.errors, ElementsAre("jobs.json:" + error)) << text;
    EXPECT_EQ(found.jobs.size(), text.find(job) == text.npos ? 0U : 1U) << text;
    EXPECT_TRUE(found.is_broken) << text;
  }
}

TEST_F(JobFileTest, DeepNestingIsOneError) {
  const std::string deep =
      "{\"prompt\": " + std::string(200000, '[') + std::string(200000, ']') + "}";
  for (const std::string name : {"jobs.jsonl", "jobs.json"}) {
    EXPECT_THAT(
        errors(name, deep),
        ElementsAre(name + ":1:2: prompt expects a text, found a list of lists or objects"));
  }
}

}  // namespace
}  // namespace sd
