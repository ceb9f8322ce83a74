#include "jobs/dynamic_prompt.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <set>
#include <string>

#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace sd {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

constexpr uint64_t kSeeds = 300;

std::string expand(const std::string& text, uint64_t seed = 0) {
  return expand_prompt(text, seed, Wildcards());
}

/// How often each prompt comes with the seeds from 0 on.
std::map<std::string, int> counts_of(const std::string& text, uint64_t seeds = kSeeds,
                                     const Wildcards& wildcards = Wildcards()) {
  std::map<std::string, int> counts;
  for (uint64_t seed = 0; seed < seeds; ++seed) ++counts[expand_prompt(text, seed, wildcards)];
  return counts;
}

std::set<std::string> prompts_of(const std::string& text,
                                 const Wildcards& wildcards = Wildcards()) {
  std::set<std::string> prompts;
  for (const auto& [prompt, count] : counts_of(text, kSeeds, wildcards)) prompts.insert(prompt);
  return prompts;
}

/// Expects each prompt as often as its chance says, to four standard deviations.
void expect_chances(const std::string& text, const std::map<std::string, double>& chances) {
  constexpr int kDraws = 20000;
  int all = 0;
  std::map<std::string, int> counts = counts_of(text, kDraws);
  for (const auto& [prompt, chance] : chances) {
    const double deviation = std::sqrt(kDraws * chance * (1 - chance));
    EXPECT_NEAR(counts[prompt], kDraws * chance, 4 * deviation) << text << ": " << prompt;
    all += counts[prompt];
  }
  EXPECT_EQ(all, kDraws) << text;
}

void expect_error(const std::string& text, const std::string& message) {
  EXPECT_EQ(error_of([&] { expand(text); }, ErrorKind::kUsage), message) << text;
}

TEST(DynamicPrompt, LeavesTextWithoutAnythingDynamicAsItIs) {
  for (const char* text :
       {"", "a red cat", "a | b", "(cat:1.2), [dog|fox], \\(anime\\)", "50% $5 $$ # : :: -- _ ~ @!",
        "  spaces stay\n\tand lines ", "кот, 猫", "back\\slash \\\\ \\"}) {
    EXPECT_EQ(expand(text), text);
  }
}

TEST(DynamicPrompt, ChoosesOneOfTheOptions) {
  EXPECT_THAT(prompts_of("a {red|green|blue} cat"),
              UnorderedElementsAre("a red cat", "a green cat", "a blue cat"));
  EXPECT_THAT(prompts_of("{a}"), UnorderedElementsAre("a"));
  EXPECT_THAT(prompts_of("{~a|b}"), UnorderedElementsAre("a", "b"));
}

TEST(DynamicPrompt, OptionsMayBeEmpty) {
  EXPECT_THAT(prompts_of("cat{| in a hat}"), UnorderedElementsAre("cat", "cat in a hat"));
  EXPECT_THAT(prompts_of("{a||}"), UnorderedElementsAre("a", ""));
  EXPECT_EQ(expand("<{}>"), "<>");
}

TEST(DynamicPrompt, ChoicesNest) {
  EXPECT_THAT(prompts_of("{a {1|2}|{b|{c|d}}}"), UnorderedElementsAre("a 1", "a 2", "b", "c", "d"));
}

TEST(DynamicPrompt, ChoicesAreEvenWithoutWeights) {
  expect_chances("{a|b|c|d}", {{"a", 0.25}, {"b", 0.25}, {"c", 0.25}, {"d", 0.25}});
  expect_chances("{a|b}{a|b}", {{"aa", 0.25}, {"ab", 0.25}, {"ba", 0.25}, {"bb", 0.25}});
}

TEST(DynamicPrompt, ChoicesFollowTheirWeights) {
  expect_chances("{0.5::a|2::b|c}", {{"a", 0.5 / 3.5}, {"b", 2 / 3.5}, {"c", 1 / 3.5}});
  expect_chances("{ .1::a| 1e1::b}", {{"a", 0.1 / 10.1}, {"b", 10 / 10.1}});
  expect_chances("{0::a|3.::b}", {{"b", 1}});
  expect_chances("{3::{a|b}|c}", {{"a", 0.375}, {"b", 0.375}, {"c", 0.25}});
}

TEST(DynamicPrompt, AWeightIsANumberAtTheStartOfAnOption) {
  EXPECT_THAT(prompts_of("{std::vector|a::b|x 3::y}"),
              UnorderedElementsAre("std::vector", "a::b", "x 3::y"));
  EXPECT_EQ(expand("3::a"), "3::a");
  EXPECT_EQ(expand("{3\\::a}"), "3::a");
}

TEST(DynamicPrompt, PicksSeveralDifferentOptionsInAnyOrder) {
  EXPECT_THAT(prompts_of("{2$$a|b|c}"),
              UnorderedElementsAre("a, b", "a, c", "b, a", "b, c", "c, a", "c, b"));
  expect_chances("{2$$3::a|b|0::c}", {{"a, b", 0.75}, {"b, a", 0.25}});
}

TEST(DynamicPrompt, PicksAsManyAsARangeSays) {
  expect_chances("{1-2$$a|b}", {{"a", 0.25}, {"b", 0.25}, {"a, b", 0.25}, {"b, a", 0.25}});
  expect_chances("{ 0 - 1 $$a|b}", {{"", 0.5}, {"a", 0.25}, {"b", 0.25}});
  EXPECT_EQ(prompts_of("{-2$$a|b}"), prompts_of("{1-2$$a|b}"));
  EXPECT_EQ(prompts_of("{1-$$a|b}"), prompts_of("{1-2$$a|b}"));
  EXPECT_THAT(prompts_of("{2-$$a|b}"), UnorderedElementsAre("a, b", "b, a"));
  EXPECT_EQ(expand("<{0$$a|b}>"), "<>");
}

TEST(DynamicPrompt, PicksAllWhereThereAreFewer) {
  EXPECT_THAT(prompts_of("{4$$a|b}"), UnorderedElementsAre("a, b", "b, a"));
  EXPECT_EQ(expand("{3-7$$a|0::b}"), "a");
}

TEST(DynamicPrompt, PutsItsOwnSeparatorBetween) {
  EXPECT_THAT(prompts_of("{2$$ and $$a|b}"), UnorderedElementsAre("a and b", "b and a"));
  EXPECT_THAT(prompts_of("{2$$$$a|b}"), UnorderedElementsAre("ab", "ba"));
  EXPECT_THAT(prompts_of("{2$$ \\| $$a|b}"), UnorderedElementsAre("a | b", "b | a"));
  EXPECT_THAT(prompts_of("{2$$, $$3::a|0::b}"), UnorderedElementsAre("a"));
}

TEST(DynamicPrompt, ABackslashTakesAwayTheMeaning) {
  EXPECT_EQ(expand("\\{a\\|b\\} \\$\\{x\\} \\_\\_x\\_\\_ \\_"), "{a|b} ${x} __x__ _");
  EXPECT_EQ(expand("{a\\|b\\}}"), "a|b}");
  EXPECT_EQ(expand("{\\@a} {\\!a} {\\~a}"), "@a !a ~a");
  EXPECT_THAT(prompts_of("\\\\{a|b}"), UnorderedElementsAre("\\\\a", "\\\\b"));
}

TEST(DynamicPrompt, AVariableIsWorkedOutAtEachUse) {
  EXPECT_THAT(prompts_of("${x={a|b}} ${x}${x}"), UnorderedElementsAre("aa", "ab", "ba", "bb"));
  EXPECT_THAT(prompts_of("${y={a|b}}${ x = ${y}${y}}${x}"),
              UnorderedElementsAre("aa", "ab", "ba", "bb"));
}

TEST(DynamicPrompt, AnImmediateVariableIsWorkedOutOnce) {
  EXPECT_THAT(prompts_of("${x=!{a|b}} ${x}${x}"), UnorderedElementsAre("aa", "bb"));
  EXPECT_EQ(expand("${x=a}${x=!${x}b}${x}"), "ab");
}

TEST(DynamicPrompt, AVariableThatIsSetPrintsNothingNorTheSpaceAfterIt) {
  EXPECT_EQ(expand("a ${x=!b} \n ${x}, ${x=c}${x} "), "a b, c ");
}

TEST(DynamicPrompt, AVariableKeepsItsTextWhereAskedTo) {
  EXPECT_EQ(expand("${x=a}${x?=b}${x}"), "a");
  EXPECT_EQ(expand("${x?=!b}${x}"), "b");
}

TEST(DynamicPrompt, AVariableMayHaveADefault) {
  EXPECT_EQ(expand("${x:a}"), "a");
  EXPECT_EQ(expand("<${x:}>"), "<>");
  EXPECT_EQ(expand("${x=b}${x:a}"), "b");
  EXPECT_THAT(prompts_of("${x:{a|b|, c:d}}"), UnorderedElementsAre("a", "b", ", c:d"));
}

TEST(DynamicPrompt, AVariableIsForgottenAtTheEndOfItsBraces) {
  EXPECT_EQ(expand("{${x=a}${x}}${x:b}"), "ab");
  EXPECT_EQ(expand("${x=a}{${x=b}${x}}${x}"), "ba");
}

TEST(DynamicPrompt, DependsOnTheSeedAlone) {
  const char* text = "{red|green|blue} {1-2$$; $$3::a|0.5::b|c|d}";
  constexpr uint64_t kLast = std::numeric_limits<uint64_t>::max();
  const std::map<uint64_t, std::string> prompts = {{0, "green b"},    {1, "blue a; c"},
                                                   {2, "green c; a"}, {3, "blue a; d"},
                                                   {42, "red a; d"},  {kLast, "green a"}};
  for (const auto& [seed, prompt] : prompts) EXPECT_EQ(expand(text, seed), prompt) << seed;
}

TEST(DynamicPrompt, TheNegativePromptDrawsFromAStreamOfItsOwn) {
  const PromptKey& negative = kPromptKeys[1];
  const std::map<uint64_t, std::string> prompts = {
      {0, "blue"}, {1, "green"}, {2, "green"}, {3, "blue"}, {42, "blue"}};
  for (const auto& [seed, prompt] : prompts) {
    EXPECT_EQ(expand_prompt("{red|green|blue}", seed, Wildcards(), negative), prompt) << seed;
  }
  EXPECT_EQ(error_of([&] { expand_prompt("a {", 0, Wildcards(), negative); }, ErrorKind::kUsage),
            "negative prompt, column 3: found a { without its } (\\{ stands for a brace)");
}

TEST(DynamicPrompt, PromptsOfFurtherTextEncodersChooseAsTheFirst) {
  for (const PromptKey& prompt : kFurtherPrompts) {
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      const PromptKey& first = kPromptKeys[prompt.is_negative ? 1 : 0];
      EXPECT_EQ(expand_prompt("{red|green} {a|b|c}", seed, Wildcards(), prompt),
                expand_prompt("{red|green} {a|b|c}", seed, Wildcards(), first));
    }
  }
  const auto error = [](const PromptKey& prompt) {
    return error_of([&] { expand_prompt("a {", 0, Wildcards(), prompt); }, ErrorKind::kUsage);
  };
  EXPECT_THAT(error(kFurtherPrompts[1]), testing::StartsWith("prompt 3, column 3: "));
  EXPECT_THAT(error(kFurtherPrompts[2]), testing::StartsWith("negative prompt 2, column 3: "));
}

TEST(DynamicPrompt, TakesLinesOfWildcards) {
  const TemporaryFolder folder;
  folder.write("colour.txt", "red\n3::{light|dark} blue\n");
  folder.write("animal.txt", "__colour__ cat\n");
  const Wildcards wildcards("--wildcards", folder.path());
  EXPECT_THAT(prompts_of("a __animal__", wildcards),
              UnorderedElementsAre("a red cat", "a light blue cat", "a dark blue cat"));
  EXPECT_THAT(prompts_of("{__~colour__|green}", wildcards),
              UnorderedElementsAre("red", "light blue", "dark blue", "green"));
  const auto counts = counts_of("__colour__", 4000, wildcards);
  EXPECT_NEAR(counts.at("red"), 1000, 4 * std::sqrt(4000 * 0.25 * 0.75));
}

TEST(DynamicPrompt, PicksDifferentLinesOfOneWildcard) {
  const TemporaryFolder folder;
  folder.write("c.txt", "a\nb\nc\n");
  const Wildcards wildcards("--wildcards", folder.path());
  EXPECT_THAT(prompts_of("{2$$+$$__c__}", wildcards),
              UnorderedElementsAre("a+b", "a+c", "b+a", "b+c", "c+a", "c+b"));
  EXPECT_THAT(prompts_of("{2$$+$$__c__|__c__}", wildcards), testing::Contains("a+a"));
}

TEST(DynamicPrompt, VariablesReachIntoWildcards) {
  const TemporaryFolder folder;
  folder.write("clothes.txt", "In ${season:summer}, ${season:summer} ${what=!shirts} ${what}");
  const Wildcards wildcards("--wildcards", folder.path());
  const auto expanded = [&](const char* text) { return expand_prompt(text, 0, wildcards); };
  EXPECT_EQ(expanded("__clothes__"), "In summer, summer shirts");
  EXPECT_EQ(expanded("${season=winter} __clothes__ ${what:coats}"),
            "In winter, winter shirts coats");
  EXPECT_EQ(expanded("__clothes(season=!{spring|spring}, what=hats)__ ${season:and}"),
            "In spring, spring shirts and");
  EXPECT_EQ(expanded("__clothes(season=a (warm\\) June\\, July)__"),
            "In a (warm\\) June, July, a (warm\\) June, July shirts");
}

TEST(DynamicPrompt, ComplainsOfBracesThatDoNotMatch) {
  expect_error("été {a|b", "prompt, column 5: found a { without its } (\\{ stands for a brace)");
  expect_error("{a|{b}", "prompt, column 1: found a { without its } (\\{ stands for a brace)");
  expect_error("a} b", "prompt, column 2: found a } without its { (\\} stands for a brace)");
  expect_error("{a}}", "prompt, column 4: found a } without its { (\\} stands for a brace)");
  expect_error("a ${x=b",
               "prompt, column 3: found a ${ without its } (\\$ stands for a dollar sign)");
}

TEST(DynamicPrompt, ComplainsOfWrongCounts) {
  expect_error("{3-1$$a|b|c|d}",
               "prompt, column 2: expected a range from less to more before $$, found 3-1");
  expect_error("{10001$$a}",
               "prompt, column 2: expected a number from 0 to 10000 before $$, found 10001");
  expect_error("{99999999999999999999$$a}",
               "prompt, column 2: expected a number from 0 to 10000 before $$, found "
               "99999999999999999999");
  const std::string where =
      "expected $$ only after { and a number, as in {2$$a|b} or {1-2$$a|b} "
      "(\\$ stands for a dollar sign)";
  expect_error("{x$$a|b}", "prompt, column 3: " + where);
  expect_error("{a|2$$b}", "prompt, column 5: " + where);
  expect_error("{-$$b}", "prompt, column 3: " + where);
  expect_error("{-1-2$$b}", "prompt, column 6: " + where);
}

TEST(DynamicPrompt, ComplainsOfWrongWeights) {
  const auto message = [](const std::string& found) {
    return "prompt, column 4: expected a weight from 0 to 1000000 before ::, found " + found +
           " (\\: stands for a colon)";
  };
  for (const char* weight : {"-1", "1.2.3", "1000001", "1e400", "+2", "1-2", "1e"}) {
    expect_error("{a|" + std::string(weight) + "::b}", message(weight));
  }
  expect_error("x {0::a|0::b}", "prompt, column 3: expected a choice with a weight that is not 0");
}

TEST(DynamicPrompt, ComplainsOfChoicesInTurn) {
  expect_error("{@a|b}",
               "prompt, column 2: found {@, which asks for choices in turn, expected a { "
               "for a random one (\\@ stands for the sign)");
  expect_error("{!a|b}",
               "prompt, column 2: found {!, which asks for choices in turn, expected a { "
               "for a random one (\\! stands for the sign)");
  expect_error("__@a__",
               "prompt, column 3: found __@, which asks for values in turn, expected a "
               "random one");
}

TEST(DynamicPrompt, ComplainsOfVariables) {
  expect_error("a ${x}",
               "prompt, column 3: the variable x is not set (${x=text} sets it, ${x:text} "
               "is the text where it is not)");
  expect_error(
      "${x=${x}}${x}",
      "prompt, column 5: the variable x is used in its own text (${x=!text} works the text "
      "out at once)");
  expect_error("${x=${y}}${y=${x}}${x}",
               "prompt, column 14: the variable x is used in its own text (${x=!text} works the "
               "text out at once)");
  for (const char* text : {"${}", "${1}", "${-a}", "${{a|b}}"}) {
    expect_error(text,
                 "prompt, column 3: expected the name of a variable, which begins with a "
                 "letter (\\$ stands for a dollar sign)");
  }
  expect_error("${x|y}", "prompt, column 4: expected ${x}, ${x:text} or ${x=text}");
}

TEST(DynamicPrompt, ComplainsOfWhatIsNoWildcard) {
  const std::string unpaired = "found __ without its second __ (\\_ stands for an underscore)";
  expect_error("^__^", "prompt, column 2: " + unpaired);
  expect_error("__a(x=1)_", "prompt, column 1: " + unpaired);
  const std::string unnamed =
      "expected the name of a file of wildcards between __ and __ (\\_ "
      "stands for an underscore)";
  for (const char* text : {"____", "__{a|b}__", "__a\nb__", "__a${x}__"}) {
    expect_error(text, "prompt, column 1: " + unnamed);
  }
  expect_error("__a(x)__", "prompt, column 6: expected = after the argument x");
  expect_error("__a(x=1__", "prompt, column 8: " + unpaired);
  expect_error("__a(x=1", "prompt, column 1: found a ( without its ) in the arguments of __a__");
}

TEST(DynamicPrompt, ComplainsOfUnknownWildcardsInOptionsThatAreNotDrawn) {
  const TemporaryFolder folder;
  const Wildcards wildcards("--wildcards", folder.path());
  expect_error([&] { expand_prompt("{a|0::__b__}", 0, wildcards); }, ErrorKind::kUsage,
               "prompt, column 7: unknown wildcard __b__");
}

TEST(DynamicPrompt, EndsWildcardsThatNameThemselves) {
  const TemporaryFolder folder;
  const std::string file = folder.write("a.txt", "{x __a__}\n").string();
  folder.write("b.txt", "{9::|__b__} y\n");
  const Wildcards wildcards("--wildcards", folder.path());
  EXPECT_THAT(error_of([&] { expand_prompt("__a__", 0, wildcards); }, ErrorKind::kUsage),
              AllOf(HasSubstr(file + ":1:"), HasSubstr("are nested more than 100 deep (does a file "
                                                       "of wildcards name itself?)")));
  EXPECT_THAT(prompts_of("__b__", wildcards), testing::Contains(" y y"));  // which may end
}

TEST(DynamicPrompt, EndsBombs) {
  std::string doubling = "${a0=}";
  for (int i = 1; i < 40; ++i) {
    const std::string before = "${a" + std::to_string(i - 1) + "}";
    doubling += "${a" + std::to_string(i) + "=" + before + before + "}";
  }
  expect_error([&] { expand(doubling + "${a39}"); }, ErrorKind::kUsage,
               ": the template needs more than 10000 choices, wildcards and variables");

  std::string longer = "${a=!" + std::string(1000, 'x') + "}";
  for (int i = 0; i < 7; ++i) longer += "${a=!${a}${a}}";
  expect_error([&] { expand(longer); }, ErrorKind::kUsage,
               ": the prompt becomes longer than 65536 bytes");
  expect_error(std::string(65537, 'x'),
               "prompt, column 1: the prompt becomes longer than 65536 bytes");
  EXPECT_EQ(expand(std::string(65536, 'x')).size(), 65536u);
}

TEST(DynamicPrompt, EndsBracesThatNestTooDeep) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '{') + "x" + std::string(depth, '}');
  };
  EXPECT_EQ(expand(nested(100)), "x");
  expect_error(nested(101), "prompt, column 102: braces are nested more than 100 deep");
  expect_error([&] { expand(nested(1000000)); }, ErrorKind::kUsage, "more than 100 deep");
}

TEST(DynamicPrompt, PicksFromManyOptionsFast) {
  std::string many = "{10000$$,$$a";
  for (int i = 1; i < 9000; ++i) many += '|';
  EXPECT_EQ(expand(many + "}").size(), 9000u);
}

}  // namespace
}  // namespace sd
