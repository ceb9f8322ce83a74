#include "cli/shortened.h"

#include <gtest/gtest.h>

#include "io/utf8.h"

namespace sd {
namespace {

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST(Shortened, LeavesShortSentencesAlone) {
  for (const size_t length : {size_t{0}, size_t{1}, kLongestSentence}) {
    const std::string sentence(length, 'x');
    EXPECT_EQ(shortened(sentence), sentence);
    EXPECT_EQ(shortened(sentence + '"'), sentence + '"');
  }
}

TEST(Shortened, CountsTheWordsItLeavesOut) {
  const std::string word = "word ";
  EXPECT_EQ(shortened(repeated(word, 61)), repeated(word, 59) + "word\u2026 and 1 more word");
  EXPECT_EQ(shortened(repeated(word, 1000)), repeated(word, 59) + "word\u2026 and 940 more words");
  EXPECT_EQ(shortened("\"" + repeated(word, 1000) + "\""),
            "\"" + repeated(word, 58) + "word\u2026\" and 941 more words");
}

TEST(Shortened, CountsCharactersWhereThereAreNoSpaces) {
  EXPECT_EQ(shortened("a " + std::string(100000, 'x')),
            "a " + std::string(298, 'x') + "\u2026 and 99702 more characters");
  const std::string cats = shortened("ab" + repeated("\u732b", 1000));
  EXPECT_EQ(cats, "ab" + repeated("\u732b", 99) + "\u2026 and 901 more characters");
  EXPECT_TRUE(is_utf8(cats));
}

TEST(WithoutMiddle, KeepsBothEndsOfErrorsThatQuoteTooMuch) {
  const std::string longest(kLongestError, 'x');
  EXPECT_EQ(without_middle(longest), longest);
  const std::string error = "a.json: '" + repeated("\u732b", 100000) + "' is unknown";
  const std::string cut = without_middle(error);
  EXPECT_LT(cut.size(), kLongestError + 10);
  EXPECT_TRUE(cut.starts_with("a.json: '\u732b\u732b"));
  EXPECT_TRUE(cut.ends_with("\u732b' is unknown"));
  EXPECT_TRUE(is_utf8(cut));
}

}  // namespace
}  // namespace sd
