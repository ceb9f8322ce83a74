#include "jobs/name_pattern.h"

#include <cstdlib>
#include <ctime>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/safe_name.h"
#include "tests/support/errors.h"

namespace sd {
namespace {

constexpr std::string_view kFlag = "--output";

std::vector<Placeholder> all() {
  std::vector<Placeholder> all;
  for (const PlaceholderName& entry : kPlaceholderNames) all.push_back(entry.placeholder);
  return all;
}

NameValues cat() {
  return {.index = 7,
          .seed = 18446744073709551615u,
          .prompt = "a cat, on/the mat",
          .negative_prompt = "dog",
          .sampler = "euler_a",
          .steps = 20,
          .scale = 7.5,
          .width = 512,
          .height = 64,
          .model = "tiny",
          .time = 1795271580};  // 2026-11-21 14:33 UTC
}

std::string print(std::string_view pattern, const NameValues& values = cat()) {
  return NamePattern::parse(kFlag, pattern, all()).print(values);
}

void expect_refused(std::string_view pattern, const std::string& part,
                    std::span<const Placeholder> allowed = all()) {
  expect_error([&] { NamePattern::parse(kFlag, pattern, allowed); }, ErrorKind::kUsage, part);
}

class NamePatternTest : public ::testing::Test {
 protected:
  NamePatternTest() {
    ::setenv("TZ", "UTC0", 1);
    ::tzset();
  }
};

TEST_F(NamePatternTest, FillsInEveryPlaceholder) {
  EXPECT_EQ(print("{index:05}-{seed}-{steps}x{scale}_{width}x{height:03}"),
            "00007-18446744073709551615-20x7.5_512x064");
  EXPECT_EQ(print("{model} {sampler} {negative_prompt}"), "tiny euler_a dog");
  EXPECT_EQ(print("{prompt}.png"), "a cat, on_the mat.png");
  EXPECT_EQ(print("{date}_{date:%Y%m%d-%H%M}"), "2026-11-21_20261121-1433");
  EXPECT_EQ(print("{date:%d/%m %H:%M}%d%s"), "21_11 14_33%d%s");
}

TEST_F(NamePatternTest, CutsTextsAsTold) {
  EXPECT_EQ(print("{prompt:5}|{negative_prompt:2}"), "a cat|do");
  EXPECT_EQ(print("{prompt:3}", {.prompt = "猫と犬と鳥"}), "猫と犬");
}

TEST_F(NamePatternTest, WritesDefaultForWhatIsLeftToTheModel) {
  EXPECT_EQ(print("{sampler}{steps:04}{scale}{width}{height}[sampler]", {}),
            "defaultdefaultdefaultdefaultdefaultdefault");
}

TEST_F(NamePatternTest, TakesTheSpellingsOfA1111) {
  EXPECT_EQ(print("[index]-[seed]-[steps]-[cfg]-[width]x[height]"),
            "7-18446744073709551615-20-7.5-512x64");
  EXPECT_EQ(print("[sampler], [model_name], [date], [datetime]"),
            "Euler a, tiny, 2026-11-21, 20261121143300");
  EXPECT_EQ(print("[datetime<%Y_%m %H:%M>]"), "2026_11 14_33");
  EXPECT_EQ(print("[prompt]|[prompt_spaces]|[prompt_words]"),
            "a_cat,_on_the_mat|a cat, on_the mat|a cat on the mat");
  EXPECT_EQ(print("[SEED][Prompt_Words]", {.seed = 3, .prompt = "x"}), "3x");
  EXPECT_EQ(print("[prompt]", {.prompt = std::string(500, 'x')}).size(), 128);
}

TEST_F(NamePatternTest, KeepsOtherBracketsAsTheyAre) {
  for (const char* text :
       {"[1]", "a[b[0]]", "[[x]]", "[", "]", "[]", "a[", "]b", "[cat on mat]", "[user]"}) {
    EXPECT_EQ(print(text), text);
  }
  EXPECT_EQ(print("[[seed]]"), "[seed]") << "doubled: the text itself";
  EXPECT_EQ(print("[[model_hash]] [[dat]] [x[index]]"), "[model_hash] [dat] [x7]");
}

TEST_F(NamePatternTest, TakesDoubledBracesForBraces) {
  EXPECT_EQ(print("{{{index}}} {{seed}}"), "{7} {seed}");
}

TEST_F(NamePatternTest, RefusesWhatItDoesNotKnow) {
  expect_refused("a{sede}",
                 "--output knows the placeholders {index}, {seed}, {prompt}, {negative_prompt}, "
                 "{sampler}, {steps}, {scale}, {width}, {height}, {model} and {date}, found the "
                 "unknown placeholder {sede} in 'a{sede}' (did you mean {seed}? {{ and }} stand "
                 "for braces)");
  expect_refused("{Seed}", "did you mean {seed}?");
  expect_refused("{negativ_prompt:40}", "{negativ_prompt:40} in");
  expect_refused("{xyz}", "{xyz} in '{xyz}' ({{ and }} stand for braces)");
  expect_refused("{}", "unknown placeholder {}");
  expect_refused("{seed", "found a { without its }");
  expect_refused("seed}", "found a } without its {");
  expect_refused("[sedd]",
                 "--output found the unknown placeholder [sedd] in '[sedd]' (did you mean [seed]? "
                 "[[sedd]] stands for that text)");
  expect_refused("[model_hash]", "found A1111's [model_hash], which has no meaning here, in");
}

TEST_F(NamePatternTest, RefusesPlaceholdersThatCannotBeKnown) {
  const std::vector<Placeholder> allowed = {Placeholder::kIndex, Placeholder::kSeed};
  expect_refused("{steps}",
                 "--output knows the placeholders {index} and {seed}, found the unknown "
                 "placeholder {steps} in '{steps}' ({{ and }} stand for braces)",
                 allowed);
  expect_refused("[steps]", "unknown placeholder [steps] in", allowed);
}

TEST_F(NamePatternTest, RefusesWrongFormats) {
  for (const char* pattern : {"{index:5}", "{seed:0}", "{steps:0x}", "{width:0999}", "{height:}",
                              "{index:-05}", "{index:+5}"}) {
    expect_refused(pattern, "--output expects a number format such as :05 in a placeholder");
  }
  for (const char* pattern :
       {"{prompt:0}", "{prompt:}", "{model:x}", "{prompt:-1}", "{prompt:12345}", "{sampler:4x}"}) {
    expect_refused(pattern, "--output expects a number of characters such as :40");
  }
  for (const std::string& pattern :
       {std::string("{date:}"), std::string("{date:%}"), std::string("{date:%Q}"),
        std::string("{date:%5Y}"), "{date:" + std::string(65, 'x') + "}"}) {
    expect_refused(pattern, "--output expects a date format such as :%Y%m%d-%H%M in {date}");
  }
  expect_refused("{scale:02}", "expects no format in {scale}, found ':02' in '{scale:02}'");
  for (const char* pattern :
       {"[datetime<%H><Asia/Tokyo>]", "[datetime<>]", "[datetime<%H]", "[seed<3>]", "[date<%H>]"}) {
    expect_refused(pattern, "--output expects arguments as in [datetime<%Y%m%d-%H%M>]");
  }
}

TEST_F(NamePatternTest, ShortensTextsSoThatNamesFit) {
  const NameValues values = {.index = 1, .prompt = std::string(1000, 'p'), .negative_prompt = "no"};
  const std::string name = print("{prompt}-{negative_prompt}-{index}.png", values);
  EXPECT_EQ(name, std::string(231, 'p') + "-no-1.png") << "240 bytes, so that -1 can be added";
  const std::string both =
      print("{prompt}{negative_prompt}",
            {.prompt = std::string(999, 'p'), .negative_prompt = std::string(999, 'n')});
  EXPECT_EQ(both, std::string(120, 'p') + std::string(120, 'n'));
  std::string cats;
  for (int i = 0; i < 100; ++i) cats += "猫";
  EXPECT_EQ(print("x{prompt}", {.prompt = cats}).size(), 1 + 79 * 3);
  EXPECT_EQ(print("{prompt}/{prompt}", {.prompt = cats}).size(), 240 + 1 + 240) << "each part";
}

TEST_F(NamePatternTest, RefusesNamesThatAreTooLongWithoutTheirTexts) {
  const std::string rest(254, 'x');
  EXPECT_EQ(print(rest + "{prompt}", {.prompt = "cat"}).size(), 255);
  expect_error([&] { print(rest + "xx{prompt}"); }, ErrorKind::kUsage,
               "--output expects names of at most 255 bytes, found one of 257 bytes");
  EXPECT_EQ(print(rest + "/" + rest).size(), 509) << "the limit is that of a part";
}

TEST_F(NamePatternTest, KnowsWhatItHas) {
  const NamePattern pattern = NamePattern::parse(kFlag, "[seed]{{index}}", all());
  EXPECT_TRUE(pattern.has(Placeholder::kSeed));
  EXPECT_FALSE(pattern.has(Placeholder::kIndex));
  EXPECT_FALSE(pattern.is_fixed());
  EXPECT_TRUE(NamePattern::parse(kFlag, "{{index}}", all()).is_fixed());
}

}  // namespace
}  // namespace sd
