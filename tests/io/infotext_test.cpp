#include "io/infotext.h"

#include <random>

#include "pictures_support.h"

namespace sd {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

const Fields kFields = {{"Steps", "20"}, {"Sampler", "Euler a"}, {"CFG scale", "7"},
                        {"Seed", "42"},  {"Size", "512x768"},    {"RNG", "CPU"}};
const std::string kLine =
    "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 512x768, RNG: CPU";

TEST(ParseInfotext, EqualsPythonsRegularExpressions) {
  for (const auto& test : golden("infotext")) {
    SCOPED_TRACE(test["text"].dump());
    const Infotext parsed = parse_infotext(test["text"].get<std::string>());
    EXPECT_EQ(parsed.prompt, test["prompt"]);
    EXPECT_EQ(parsed.negative_prompt, test["negative"]);
    EXPECT_EQ(nlohmann::json(parsed.fields), test["fields"]);
  }
}

TEST(ParseInfotext, FindsTheLastFieldOfAName) {
  const Infotext parsed = parse_infotext("cat\nSteps: 1, Seed: 2, Steps: 3");
  EXPECT_EQ(parsed.field("Steps"), "3");
  EXPECT_EQ(parsed.field("Seed"), "2");
  EXPECT_EQ(parsed.field("Size"), std::nullopt);
}

TEST(ParseInfotext, TakesLinearTime) {
  const std::string words(2'000'000, 'w');
  EXPECT_EQ(parse_infotext(words).prompt, words);
  std::string quotes;
  for (int i = 0; i < 200'000; ++i) quotes += "aa: \"\\\" x";
  EXPECT_FALSE(parse_infotext(quotes).fields.size() > 3);
}

TEST(PrintInfotext, WritesTheGrammar) {
  EXPECT_EQ(print_infotext({"a cat", "dog, bad", kFields}),
            "a cat\nNegative prompt: dog, bad\n" + kLine);
  EXPECT_EQ(print_infotext({"a cat", "", kFields}), "a cat\n" + kLine);
  EXPECT_EQ(print_infotext({"", "", kFields}), kLine);
  EXPECT_EQ(print_infotext({"two\nlines, \"quoted\"", "雪\n山", kFields}),
            "two\nlines, \"quoted\"\nNegative prompt: 雪\n山\n" + kLine);
  EXPECT_EQ(
      print_infotext({"x", "", {{"Aa", "1, 2"}, {"Bb", "a: \"é\"\n\\"}, {"Cc", "plain \"x\""}}}),
      "x\nAa: \"1, 2\", Bb: \"a: \\\"é\\\"\\n\\\\\", Cc: plain \"x\"");
}

TEST(PrintInfotext, WritesTwiceWhatTheGrammarLoses) {
  EXPECT_EQ(print_infotext({" cat", "", kFields}), "cat\n" + kLine + ", Exact prompt: \" cat\"");
  EXPECT_EQ(print_infotext({"a\nNegative prompt: b", "c", kFields}),
            "a\nNegative prompt: b\nNegative prompt: c\n" + kLine +
                ", Exact prompt: \"a\\nNegative prompt: b\", Exact negative prompt: \"c\"");
}

TEST(PrintInfotext, ComesBackWhole) {
  const std::vector<std::string> prompts = {
      "",
      " ",
      "\n",
      "cat",
      "cat ",
      " cat",
      "cat\n",
      "\ncat",
      "a\n\nb",
      "a \n b",
      "\"cat\"",
      "\"",
      "\\",
      "Negative prompt:",
      "Negative prompt: x",
      "a\nNegative prompt: b",
      "a\n  Negative prompt: b",
      "time: noon, place: sea, mood: calm",
      "a\ntime: noon, place: sea, mood: calm",
      kLine,
      "a\n" + kLine,
      "\r\n",
      "a\r",
      "雪山，\u201c美\u201d",
      "\u3000wide\u3000",
      "\u00a0",
      "é",
      "😀",
      "a, Exact prompt: \"b\"",
      "Exact prompt: b, Seed: 1, Steps: 2",
      std::string("nul\0nul", 7),
      "\x01\x1f\x7f",
      "tab\t",
      "\u2028",
      "(a:1.2), [b|c], <lora:x:0.5>, {d}",
  };
  for (const std::string& prompt : prompts) {
    for (const std::string& negative : prompts) {
      const Infotext infotext{prompt, negative, kFields};
      EXPECT_EQ(parse_infotext(print_infotext(infotext)), infotext)
          << nlohmann::json(prompt) << " " << nlohmann::json(negative);
    }
    const Infotext value{"cat", "", {{"First", prompt}, {"Mid dle", prompt}, {"La/st-1", prompt}}};
    EXPECT_EQ(parse_infotext(print_infotext(value)), value) << nlohmann::json(prompt);
  }
}

TEST(PrintInfotext, ComesBackWholeAtRandom) {
  const std::vector<std::string> pieces = {"Negative prompt:",
                                           "Negative prompt: ",
                                           "Steps: 1, ",
                                           "\n",
                                           "\n",
                                           " ",
                                           "\"",
                                           "\\",
                                           ",",
                                           ":",
                                           "a",
                                           "Bc",
                                           "雪",
                                           "\u00a0",
                                           "\u0085",
                                           "\u3000",
                                           "\t",
                                           "\r",
                                           "😀",
                                           "1x2",
                                           "-",
                                           "/",
                                           "{",
                                           "\\n",
                                           "Exact prompt: ",
                                           "a: b, c: d, ee: f, ",
                                           "\x1c",
                                           "é"};
  const std::vector<std::string> keys = {"Steps", "CFG scale", "a1",  "Lora hashes",
                                         "x-/ y", "1_",        "雪山"};
  std::mt19937 random(11);
  const auto text = [&](unsigned longest) {
    std::string made;
    for (unsigned left = random() % (longest + 1); left > 0; --left) {
      made += pieces[random() % pieces.size()];
    }
    return made;
  };
  for (int i = 0; i < 5000; ++i) {
    Infotext infotext{text(12), random() % 3 ? text(12) : "", {}};
    for (unsigned left = 3 + random() % 4; left > 0; --left) {
      infotext.fields.emplace_back(keys[random() % keys.size()], text(5));
    }
    const std::string printed = print_infotext(infotext);
    ASSERT_EQ(parse_infotext(printed), infotext) << printed;
  }
}

TEST(PrintInfotext, RefusesWhatNoReaderWouldFind) {
  expect_error(
      [] {
        print_infotext({"x", "", {{"Steps", "1"}, {"Seed", "2"}}});
      },
      ErrorKind::kUsage, "3 fields");
  for (const std::string key : {"", "x", "-ab", " ab", "a:b", "a,b", "a\tb", "a.b", "Exact prompt",
                                "Exact negative prompt"}) {
    const Infotext infotext{"x", "", {{"Steps", "1"}, {"Seed", "2"}, {key, "3"}}};
    expect_error([&] { print_infotext(infotext); }, ErrorKind::kUsage,
                 "name of a picture's parameter");
  }
}

}  // namespace
}  // namespace sd
