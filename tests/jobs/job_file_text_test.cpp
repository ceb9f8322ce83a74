#include "tests/jobs/job_file_support.h"

namespace sd {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(JobFileTest, TextHasAPromptOnEachLine) {
  const JobsRead found = read("jobs.txt",
                              "a red circle\n"
                              "\n"
                              " \t \n"
                              "# not this\n"
                              "  #nor this\n"
                              "  a blue  square \n"
                              "a # in a prompt\n");
  EXPECT_THAT(found.errors, IsEmpty());
  EXPECT_THAT(found.prompts(), ElementsAre("a red circle", "a blue  square", "a # in a prompt"));
  EXPECT_EQ(print_place(found.jobs[1].place), (folder_ / "jobs.txt").string() + ":6");
}

TEST_F(JobFileTest, TextStaysTextHoweverItBegins) {
  const std::vector<std::string> prompts = {
      "{a|b} circle", "[x:y] circle",  "[{a|b}:c:0.5]", "{2$$a|b|c}", "\"quoted\" circle",
      "it's a dog",   "prompt,circle", "{\"a\"|b}",     "a -- b",     "a --, b ---",
      "-s 50",        "a --5 b",       "a\\b"};
  for (const std::string& prompt : prompts) {
    EXPECT_EQ(read_one("jobs.txt", prompt).request.prompt, prompt);
  }
}

TEST_F(JobFileTest, TextHasAnyLineEnds) {
  for (const std::string& text :
       {"a\nb\n"s, "a\nb"s, "a\r\nb\r\n"s, "a\r\nb"s, kMark + "a\nb\n", kMark + "\r\na\r\n\r\nb"}) {
    EXPECT_THAT(read("jobs.txt", text).prompts(), ElementsAre("a", "b")) << text;
    EXPECT_THAT(errors("jobs.txt", text), IsEmpty());
  }
  EXPECT_THAT(errors("jobs.txt", "ab\rc\r"),
              ElementsAre("jobs.txt:1:3: expected a line feed after this carriage return, found "
                          "none (lines end with LF or CR LF)"));
}

TEST_F(JobFileTest, AWordWithTwoHyphensMakesSwitchesOfTheRest) {
  Job job = read_one("jobs.txt",
                     "it's a \"red\" circle --steps 20 --cfg_scale 4.5 --seed 7 --W=64 --height "
                     "96 --sampler_name 'DPM++ 2M' --n_iter 2 --sd_model shapes-sd1");
  EXPECT_EQ(job.request.prompt, "it's a \"red\" circle");
  EXPECT_EQ(job.request.steps, 20);
  EXPECT_EQ(job.request.scale, 4.5);
  EXPECT_EQ(job.seed, 7U);
  EXPECT_EQ(job.request.width, 64);
  EXPECT_EQ(job.request.height, 96);
  EXPECT_EQ(job.request.sampler, "dpmpp_2m");
  EXPECT_EQ(job.count, 2);
  EXPECT_EQ(job.model, "shapes-sd1");

  job = read_one("jobs.txt",
                 "--steps 20 --prompt a  red circle --negative_prompt a \"b  c\" 'd --e'");
  EXPECT_EQ(job.request.prompt, "a red circle");
  EXPECT_EQ(job.request.negative_prompt, "a b  c d --e");

  job =
      read_one("jobs.txt",
               "a cat --prompt-2 a  big cat --negative_prompt_3 \"a dog\" --max-sequence-length 77 "
               "--skip-layers 7,8 --skip_layer_scale -1");
  EXPECT_EQ(job.request.prompt_2, "a big cat");
  EXPECT_EQ(job.request.negative_prompt_3, "a dog");
  EXPECT_EQ(job.request.max_sequence_length, 77);
  EXPECT_EQ(job.request.skip_layers, (SkipLayerGuidance{.layers = {7, 8}, .scale = -1}));

  job = read_one("jobs.txt",
                 "a cat --resolution-binning False --original_size 640x480 --crop 0,16 "
                 "--rounded-times true --variance learned_range");
  EXPECT_EQ(job.request.resolution_binning, false);
  EXPECT_EQ(job.request.original_size, (PixelSize{640, 480}));
  EXPECT_EQ(job.request.crop, (CropCorner{0, 16}));
  EXPECT_TRUE(job.request.rounded_times);
  EXPECT_EQ(job.request.variance, "learned_range");

  EXPECT_EQ(read_one("jobs.txt", "--prompt \"\" --steps 3").request.prompt, "");
  EXPECT_EQ(read_one("jobs.txt", "--prompt=a circle --steps=3").request.prompt, "a circle");
  EXPECT_EQ(read_one("jobs.txt", "--prompt \"--ar\" 16").request.prompt, "--ar 16");
  EXPECT_EQ(read_one("jobs.txt", "a\t--seed\t-1\t").seed, std::nullopt);
}

// What Python's shlex.split makes of the words.
TEST_F(JobFileTest, SwitchesAreQuotedAsInAShell) {
  const std::vector<std::pair<std::string, std::string>> texts = {
      {R"(a\ b)", "a b"},
      {R"('a\b')", R"(a\b)"},
      {R"("a\b")", R"(a\b)"},
      {R"("a\"b")", R"(a"b)"},
      {R"("a\\b")", R"(a\b)"},
      {R"(a"b c"d'e f'g)", "ab cde fg"},
      {R"(\'\")", R"('")"},
      {R"("'")", "'"},
      {R"('"')", "\""},
      {R"(\--steps)", "--steps"},
      {"\u96ea \U0001f600", "\u96ea \U0001f600"},
      {"'' a", " a"}};
  for (const auto& [text, prompt] : texts) {
    EXPECT_EQ(read_one("jobs.txt", "--seed 1 --prompt " + text).request.prompt, prompt) << text;
  }
}

TEST_F(JobFileTest, ABadSwitchIsNamedWithItsPlace) {
  const std::vector<std::pair<std::string, std::string>> lines = {
      {"a cat --stpes 20",
       "1:7: expected a key such as prompt or steps, found 'stpes' (did you mean steps?)"},
      {"\u96ea --steps many", "1:3: steps expects a whole number from 1 to 1000, found 'many'"},
      {"a --ar 16:9", "1:3: expected a key such as prompt or steps, found 'ar'"},
      {"a --steps", "1:3: --steps expects a value, found none"},
      {"a --steps --seed 1", "1:3: --steps expects a value, found none"},
      {"--prompt --seed 1", "1:1: --prompt expects a value, found none"},
      {"a --steps 20 30",
       "1:14: expected a switch such as --steps, found '30' (a value of several words stands in "
       "quotes)"},
      {"a --steps 20 --ddim_steps 30", "1:14: expected steps once, found it again as ddim_steps"},
      {"a --prompt b", "1:3: expected prompt once, found it again"},
      {"a --styles x", "1:3: styles is of AUTOMATIC1111's web UI and has no equal here"},
      {"a --tiling", "1:3: tiling is of AUTOMATIC1111's web UI and has no equal here"},
      {"a --negative_prompt it's",
       "1:23: expected a second ' after this one, found none (\\' stands for the character)"},
      {"a --output \"b",
       "1:12: expected a second \" after this one, found none (\\\" stands for the character)"},
      {"a --output b\\",
       "1:13: expected a character after the backslash, found the end of the "
       "line"},
      {"--steps 20", "1:1: expected a prompt, found none"},
      {"a --skip_layers 7,x",
       "1:3: skip_layers expects whole numbers from 0 to 999 with commas between, or none, found "
       "'x'"},
      {"a --skip-layer-scale 3 --seed 1", "1:3: skip_layer_scale expects skip_layers beside it"},
      {"a --strength 0.5", "1:3: strength expects init_img or init_latents beside it"},
      {"a --init_img b.png --init_latents c",
       "1:20: init_img and init_latents cannot stand together"},
      {"a --rounded-times --seed 1", "1:3: --rounded-times expects a value, found none"},
      {"a --resolution_binning yes", "1:3: resolution_binning expects true or false, found 'yes'"},
      {"a --variance fixed_large --sampler euler",
       "1:26: variance belongs to the sampler ddpm, found euler"},
      {"a --sampler euler --eta 0.5", "1:19: eta belongs to the sampler ddim, found euler"},
      {"a --n_iter 2 --seed 18446744073709551615",
       "1:14: seed 18446744073709551615 is too large for 2 images: the last seed would pass "
       "18446744073709551615"}};
  for (const auto& [line, error] : lines) {
    EXPECT_THAT(errors("jobs.txt", line), ElementsAre("jobs.txt:" + error)) << line;
  }
}

TEST_F(JobFileTest, TheNextLineOfTextIsReadAfterAnError) {
  const JobsRead found = read("jobs.txt", "a\nb --steps 0\nc\n\xff\nd\ne\0f\ng\n"s);
  EXPECT_THAT(found.prompts(), ElementsAre("a", "c", "d", "g"));
  EXPECT_THAT(found.errors,
              ElementsAre("jobs.txt:2:3: steps expects a whole number from 1 to 1000, found '0'",
                          "jobs.txt:4:1: expected text in UTF-8, found a byte that is none",
                          "jobs.txt:6:2: expected text, found a NUL character"));
  EXPECT_FALSE(found.is_broken);
}

}  // namespace
}  // namespace sd
