#include "jobs/safe_name.h"

#include <gtest/gtest.h>

namespace sd {
namespace {

using namespace std::string_literals;

TEST(SafeName, KeepsWhatNamesMayHave) {
  for (const char* text : {"a cat", "x-1_y (2) [3] {4} #5 %s ~ & ' ; é 猫 🐈", "a..b", "-"}) {
    EXPECT_EQ(safe_name(text), text);
  }
}

TEST(SafeName, ReplacesWhatLeadsOutOfTheFolderOrStopsAProgram) {
  EXPECT_EQ(safe_name("../../etc/passwd"), "___.._etc_passwd");
  EXPECT_EQ(safe_name("/a\\b<c>d:e\"f|g?h*i"), "_a_b_c_d_e_f_g_h_i");
  EXPECT_EQ(safe_name("a\nb\tc\x7f\x01"), "a_b_c__");
  EXPECT_EQ(safe_name("a\0b"s), "a_b");
  EXPECT_EQ(safe_name("a\u0085b\u2028c\u202etxt.exe"), "a_b_c_txt.exe");
  EXPECT_EQ(safe_name(" .hidden"), "__hidden");
  EXPECT_EQ(safe_name("a\xff"), "a_");
}

TEST(SafeName, IsNeverEmptyNorAFolder) {
  EXPECT_EQ(safe_name(""), "_");
  EXPECT_EQ(safe_name("."), "_");
  EXPECT_EQ(safe_name(".."), "__");
  EXPECT_EQ(safe_name("   "), "___");
}

TEST(SafeName, EndsInNoDotOrSpace) {
  EXPECT_EQ(safe_name("a cat. "), "a cat");
  EXPECT_EQ(safe_name("a cat sits", 6), "a cat");
}

TEST(SafeName, IsCutBetweenCodePoints) {
  EXPECT_EQ(safe_name("äöüß", 3), "äöü");
  EXPECT_EQ(safe_name("🐈🐈🐈", 2), "🐈🐈");
  std::string cats;
  for (int i = 0; i < 100; ++i) cats += "🐈";
  EXPECT_EQ(safe_name(cats).size(), 252) << "255 bytes would end within the 64th";
  EXPECT_EQ(safe_name(std::string(1000000, 'x')).size(), kMaxName);
}

TEST(CutLast, LeavesOneCodePoint) {
  std::string text = "猫 äb";
  for (const char* rest : {"猫 ä", "猫", "猫"}) {
    cut_last(text);
    EXPECT_EQ(text, rest);
  }
}

TEST(FirstWords, AreEightWithoutPunctuation) {
  EXPECT_EQ(first_words("a ((red)) cat, 1.5: on-the_mat; é 猫 nine"), "a red cat 1 5 on the mat");
  EXPECT_EQ(first_words("é, 猫!"), "é 猫");
  EXPECT_EQ(first_words("..., !"), "empty");
}

}  // namespace
}  // namespace sd
