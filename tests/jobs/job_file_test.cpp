#include "jobs/job_file.h"

#include <filesystem>
#include <random>
#include <sys/stat.h>

#include "tests/jobs/job_file_support.h"

namespace sd {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(FindJobFormat, FollowsTheExtension) {
  EXPECT_EQ(find_job_format("a.txt", "prompt,steps\n"), JobFormat::kText);
  EXPECT_EQ(find_job_format("a.TXT", "prompt\tsteps\n"), JobFormat::kText);
  EXPECT_EQ(find_job_format("a.jsonl", "x\n"), JobFormat::kJsonLines);
  EXPECT_EQ(find_job_format("a.ndjson", ""), JobFormat::kJsonLines);
  EXPECT_EQ(find_job_format("a.json", "x\n"), JobFormat::kJson);
  EXPECT_EQ(find_job_format("a.csv", "prompt\n"), JobFormat::kCsv);
  EXPECT_EQ(find_job_format("a.csv", "prompt\tsteps\n"), JobFormat::kTsv);
  EXPECT_EQ(find_job_format("a.tsv", "prompt\n"), JobFormat::kTsv);
  EXPECT_EQ(find_job_format("a.tab", "prompt\tx, y\n"), JobFormat::kTsv);
  EXPECT_EQ(find_job_format("a.tsv", "prompt,steps\n"), JobFormat::kCsv);
}

TEST(FindJobFormat, JsonIsJsonWhateverItsName) {
  for (const char* name : {"a.txt", "standard input", "a.csv", "a.jsonl", "a.json"}) {
    const bool is_json = name == "a.json"s;
    const JobFormat lines = is_json ? JobFormat::kJson : JobFormat::kJsonLines;
    EXPECT_EQ(find_job_format(name, "\n {\"prompt\": \"a\"}\n{"), lines);
    EXPECT_EQ(find_job_format(name, "{ \"a\\\"}\" : 1}"), lines);
    EXPECT_EQ(find_job_format(name, "{}\n"), lines);
    EXPECT_EQ(find_job_format(name, "{\"prompt\": \"a"), lines);
    EXPECT_EQ(find_job_format(name, "{\n"), JobFormat::kJson);
    EXPECT_EQ(find_job_format(name, "{\"prompt\": \"a}\",\n"), JobFormat::kJson);
    EXPECT_EQ(find_job_format(name, "{\"prompt\": [\n"), JobFormat::kJson);
    EXPECT_EQ(find_job_format(name, "[\n{"), JobFormat::kJson);
    EXPECT_EQ(find_job_format(name, "[{\"prompt\": \"a\"}]"), JobFormat::kJson);
    EXPECT_EQ(find_job_format(name, "[{\n"), JobFormat::kJson);
    EXPECT_EQ(find_job_format(name, "[]"), JobFormat::kJson);
  }
}

TEST(FindJobFormat, APromptIsText) {
  for (const char* prompt : {"{a|b} circle", "[x:y] circle", "[{a|b}:c:0.5]", "{\"a\"|\"b\"}",
                             "[\"a\"]", "{\"a", "{} circle", "[] circle", "a, scale, b", "prompt",
                             "steps", "a prompt, steps", "red,blue,green", "# prompt,steps", ""}) {
    for (const char* name : {"a.txt", "standard input", "prompts", "/dev/fd/63"}) {
      EXPECT_EQ(find_job_format(name, prompt + "\n"s), JobFormat::kText) << prompt;
    }
  }
}

TEST(FindJobFormat, ATableIsKnownByItsKeys) {
  EXPECT_EQ(find_job_format("standard input", "prompt,stpes\na,3\n"), JobFormat::kCsv);
  EXPECT_EQ(find_job_format("standard input", " \"W\" ,H\r\n"), JobFormat::kCsv);
  EXPECT_EQ(find_job_format("standard input", "seed\tnegative prompt\tprompt\n"), JobFormat::kTsv);
  EXPECT_EQ(find_job_format("standard input", "seed\tcfg-scale\n"), JobFormat::kTsv);
}

TEST_F(JobFileTest, TheFormatMayBeGiven) {
  const std::string path = folder_.write("jobs", "{\"prompt\": \"a\"}\n").string();
  const auto first_prompt = [&](JobFormat format) {
    return read_all(*open_job_file(path, {}, format)).prompts();
  };
  EXPECT_THAT(first_prompt(JobFormat::kText), ElementsAre("{\"prompt\": \"a\"}"));
  EXPECT_THAT(first_prompt(JobFormat::kJson), ElementsAre("a"));
  EXPECT_THAT(first_prompt(JobFormat::kJsonLines), ElementsAre("a"));
  folder_.write("jobs", "prompt\na\n");
  EXPECT_THAT(first_prompt(JobFormat::kCsv), ElementsAre("a"));
  EXPECT_THAT(first_prompt(JobFormat::kTsv), ElementsAre("a"));
  EXPECT_THAT(first_prompt(JobFormat::kText), ElementsAre("prompt", "a"));
}

TEST_F(JobFileTest, AMarkOfUtf8IsNoCharacter) {
  EXPECT_THAT(errors("jobs.txt", kMark + "a --steps x"),
              ElementsAre(HasSubstr("jobs.txt:1:3: steps expects")));
  EXPECT_THAT(errors("jobs.jsonl", kMark + "{\"steps\": \"x\"}"),
              ElementsAre(HasSubstr("jobs.jsonl:1:2: steps expects")));
  EXPECT_THAT(errors("jobs.json", kMark + "[{\"steps\": \"x\"}]"),
              ElementsAre(HasSubstr("jobs.json:1:3: steps expects")));
  EXPECT_THAT(errors("jobs.csv", kMark + "stepps\n"),
              ElementsAre(HasSubstr("jobs.csv:1:1: expected a key")));
  EXPECT_THAT(read("jobs.csv", kMark + "prompt\na\n").prompts(), ElementsAre("a"));
}

TEST_F(JobFileTest, Utf16IsOneError) {
  const auto in_utf16 = [](std::string_view text, bool is_little) {
    std::string wide;
    for (const char c : text) wide += is_little ? std::string{c, '\0'} : std::string{'\0', c};
    return wide;
  };
  const std::string error =
      ":1:1: expected text in UTF-8, found UTF-16 (iconv -f utf-16 -t utf-8 turns it into that)";
  for (const std::string name : {"jobs.txt", "jobs.jsonl", "jobs.json", "jobs.csv"}) {
    for (const bool is_little : {false, true}) {
      const std::string text = in_utf16("a red circle\nb\n", is_little);
      const std::string mark = is_little ? "\xff\xfe" : "\xfe\xff";
      EXPECT_THAT(errors(name, text), ElementsAre(name + error));
      EXPECT_THAT(errors(name, mark + text), ElementsAre(name + error));
    }
  }
}

TEST_F(JobFileTest, APictureIsNoJobFile) {
  for (const std::string bytes : {"\x89PNG\r\n\x1a\n", "\xff\xd8\xff\xe0", "RIFF1234WEBPVP8 "}) {
    EXPECT_THAT(errors("a.png", bytes),
                ElementsAre("a.png is a picture, a file of jobs was expected (sd replay paints a "
                            "picture again)"));
  }
}

TEST_F(JobFileTest, WhatIsTooLongIsLeftOut) {
  const std::string words(5U << 20, 'a');
  JobsRead found = read("jobs.txt", "a\n" + words + "\nb\n" + std::string(1U << 20, 'c') + "\n");
  EXPECT_THAT(found.errors,
              ElementsAre("jobs.txt:2:1: expected a line of at most 1048576 bytes, found more"));
  ASSERT_EQ(found.jobs.size(), 3U);
  EXPECT_EQ(found.jobs[1].request.prompt, "b");
  EXPECT_EQ(found.jobs[2].request.prompt.size(), 1U << 20);

  EXPECT_THAT(read("jobs.txt", words).errors,
              ElementsAre("jobs.txt:1:1: expected a line of at most 1048576 bytes, found more"));

  found = read("jobs.jsonl", "{\"prompt\": \"" + words + "\"}\n{\"prompt\": \"b\"}\n");
  EXPECT_THAT(found.errors,
              ElementsAre("jobs.jsonl:1:1: expected a line of at most 1048576 bytes, found more"));
  EXPECT_THAT(found.prompts(), ElementsAre("b"));

  for (const std::string& inside :
       {"\"" + words + "\"", "[" + words + "\n{\"}\": \"\\\"]}\"}\n]"}) {
    found = read("jobs.json", "[{\"prompt\": " + inside + "},\n{\"prompt\": \"b\"}]");
    EXPECT_THAT(
        found.errors,
        ElementsAre("jobs.json:1:2: expected an object of at most 1048576 bytes, found more"));
    EXPECT_THAT(found.prompts(), ElementsAre("b"));
    EXPECT_EQ(found.jobs.at(0).place.line, inside.find('\n') == inside.npos ? 2U : 4U);
  }

  found = read("jobs.csv", "prompt,steps\n" + words + ",3\nb,4\n");
  EXPECT_THAT(found.errors,
              ElementsAre("jobs.csv:2:1: expected a line of at most 1048576 bytes, found more"));
  EXPECT_THAT(found.prompts(), ElementsAre("b"));

  found = read("jobs.csv", "prompt,steps\n\"a\n" + words + "\",3\nb,4\n");
  EXPECT_EQ(found.errors.size(), 1U);
  EXPECT_TRUE(found.is_broken) << "who knows whether a quote was in it";
}

TEST_F(JobFileTest, PathsAreRelativeToTheFile) {
  std::filesystem::create_directory(folder_ / "in");
  const std::string folder = (folder_ / "in").string();
  for (const auto& [name, text] : std::vector<std::pair<std::string, std::string>>{
           {"in/a.txt", "a --init_img ../b.png --strength 0.5"},
           {"in/a.jsonl", R"({"prompt": "a", "init_image": "../b.png"})"},
           {"in/a.json", R"([{"prompt": "a", "init-img": "../b.png"}])"},
           {"in/a.csv", "prompt,init_img\na,../b.png\n"}}) {
    EXPECT_EQ(read_one(name, text).init_image, folder + "/../b.png") << name;
  }
  EXPECT_EQ(read_one("in/a.txt", "a --init_img /b.png").init_image, "/b.png");
  EXPECT_EQ(read_one("in/a.txt", "a --init_latents b.safetensors").init_latents,
            folder + "/b.safetensors");
  Job base;
  base.init_image = "b.png";
  EXPECT_EQ(read_one("in/a.txt", "a --strength 0.5", base).init_image, "b.png")
      << "that of the command line stays";
  const Job other = read_one("in/a.txt", "a --init_latents c", base);
  EXPECT_EQ(other.init_image, "");
  EXPECT_EQ(other.init_latents, folder + "/c");
}

TEST_F(JobFileTest, WhatCannotBeReadIsNamed) {
  const auto open_error = [](const std::string& path) {
    return error_of([&] { open_job_file(path, {}); }, ErrorKind::kUsage);
  };
  const std::string gone = folder_ / "gone.txt";
  EXPECT_EQ(open_error(gone), "cannot read the job file '" + gone + "': there is no such file");
  EXPECT_EQ(open_error(folder_.path()),
            "cannot read the job file '" + folder_.path().string() + "': it is a folder");
  EXPECT_EQ(error_of([&] { hash_job_file(gone); }, ErrorKind::kUsage), open_error(gone));
}

// Test vectors of FIPS 180-2, appendix B.
TEST_F(JobFileTest, ItsHashIsSha256) {
  EXPECT_EQ(hash_job_file(folder_.write("a.txt", "abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash_job_file(folder_.write("b.txt", std::string(1000000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(hash_job_file("-"), "");
  const std::string fifo = folder_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(hash_job_file(fifo), "");
  error_of([&] { hash_job_file(folder_ / "a.txt", [] { return true; }); }, ErrorKind::kInterrupted);
}

// What comes of damaged files is jobs and errors, and an end.
TEST_F(JobFileTest, AnyBytesAreReadToTheEnd) {
  const std::vector<std::string> texts = {
      "a red circle\n# no\nb --steps 3 --prompt \"c \\\" d\" --seed=-1\r\n{a|b}\n",
      "{\"prompt\": \"a \\u96ea\", \"steps\": 3, \"scale\": 1.5e0}\n{\"prompt\": null}\n",
      "[\n{\"prompt\": \"a\", \"x\": [{}, \"]\"]},\n {\"prompt\": \"雪\"}, 3\n]\n",
      "prompt,steps,\"seed\"\n\"a, \"\"b\"\"\nc\",3,\n,,\nd,4,5\n"};
  const std::string letters = "\"\"\\\\{}[]:,,\n\r\t -#=a3\xff\xc3\xa9"s + '\0';
  std::mt19937 random(5);
  const auto below = [&](size_t count) {
    return std::uniform_int_distribution<size_t>(0, count - 1)(random);
  };
  for (int i = 0; i < 2000; ++i) {
    std::string text = texts[below(texts.size())];
    for (size_t edits = 1 + below(4); edits > 0; --edits) {
      const size_t at = below(text.size());
      const size_t kind = below(3);
      if (kind == 0) text[at] = letters[below(letters.size())];
      if (kind == 1) text.insert(at, 1, letters[below(letters.size())]);
      if (kind == 2) text.erase(at, 1 + below(5));
      if (text.empty()) text = "a";
    }
    const std::string path = folder_.write("jobs", text);
    for (const auto& [name, format] : kJobFormatNames) {
      SCOPED_TRACE(std::string(name) + " " + testing::PrintToString(text));
      try {
        const JobsRead found = read_all(*open_job_file(path, {}, format));
        EXPECT_LT(found.errors.size(), 200U);
      } catch (const Error& error) {  // UTF-16
        EXPECT_EQ(error.kind(), ErrorKind::kUsage) << error.what();
      }
    }
  }
}

TEST(Examples, AreReadWithoutErrors) {
  const std::filesystem::path examples = std::filesystem::path(SD_TEST_DATA) / "../../examples";
  const auto read = [&](const char* name) {
    JobsRead found = read_all(*open_job_file((examples / name).string(), {}));
    EXPECT_THAT(found.errors, IsEmpty()) << name;
    for (const Job& job : found.jobs) {
      EXPECT_TRUE(job.init_image.empty() || std::filesystem::exists(job.init_image));
    }
    return found.jobs;
  };
  const std::vector<Job> text = read("prompts.txt");
  ASSERT_EQ(text.size(), 5U);
  EXPECT_EQ(text[0].request.prompt, "a red circle on a blue background");
  EXPECT_EQ(text[2].request.prompt, "a large green square to the left of a yellow triangle");
  EXPECT_EQ(text[2].request.scale, 4);
  EXPECT_EQ(text[3].request.negative_prompt, "white background");
  EXPECT_EQ(text[3].count, 2);
  EXPECT_EQ(text[4].output, "blue-square.png");

  const std::vector<Job> lines = read("jobs.jsonl");
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[1].request.sampler, "euler_a");
  EXPECT_EQ(lines[2].output, "star-{seed}.png");
  EXPECT_EQ(lines[3].request.strength, 0.9);

  const std::vector<Job> json = read("jobs.json");
  ASSERT_EQ(json.size(), 3U);
  EXPECT_EQ(json[0].request.sigmas, "karras");
  EXPECT_EQ(json[1].request.width, 96);

  const std::vector<Job> csv = read("jobs.csv");
  ASSERT_EQ(csv.size(), 3U);
  EXPECT_EQ(csv[1].request.prompt, "a white star, large");
  EXPECT_EQ(csv[2].request.sampler, "dpmpp_2m");

  const std::vector<Job> tsv = read("jobs.tsv");
  ASSERT_EQ(tsv.size(), 2U);
  EXPECT_EQ(tsv[0].request.prompt, "a red circle, small, on a blue background");
  EXPECT_FALSE(tsv[1].init_image.empty());
}

}  // namespace
}  // namespace sd
