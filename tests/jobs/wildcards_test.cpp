#include "jobs/wildcards.h"

#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <vector>

#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/unprivileged.h"

namespace sd {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// A folder "wild" of wildcards, with room beside it.
class WildcardsTest : public testing::Test {
 protected:
  WildcardsTest() { fs::create_directory(folder_ / "wild"); }

  std::string write(const std::string& name, const std::string& text) {
    return folder_.write("wild/" + name, text).string();
  }

  std::string path(const std::string& name) const { return (folder_ / "wild" / name).string(); }

  /// The templates of the values, without their weights.
  std::vector<std::string> values(const std::string& name) {
    std::vector<std::string> texts;
    for (const WildcardValue& value : wildcards().values(name, place_).values) {
      texts.emplace_back(value.line.substr(value.begin));
    }
    return texts;
  }

  const Wildcards& wildcards() {
    if (!wildcards_) wildcards_.emplace("--wildcards", folder_ / "wild");
    return *wildcards_;
  }

  std::string error(const std::string& name) {
    return error_of([&] { wildcards().values(name, place_); }, ErrorKind::kUsage);
  }

  const TemporaryFolder folder_;
  const TemplateSource source_ = {"prompt", 0, "a __x__"};
  const TemplatePlace place_ = {&source_, 2};
  std::optional<Wildcards> wildcards_;
};

TEST_F(WildcardsTest, AreTheLinesOfAFile) {
  write("colour.txt",
        "red\n  light blue \t\n\n \t\n# comment\n  # too\ngreen # is text\n\\#ffffff");
  EXPECT_THAT(values("colour"), ElementsAre("red", "light blue", "green # is text", "\\#ffffff"));
}

TEST_F(WildcardsTest, ReadFilesOfWindows) {
  write("a.txt", "\xef\xbb\xbf# comment\r\nred\r\n\r\nblue\r\n");
  write("b.txt", "\xef\xbb\xbfred");
  EXPECT_THAT(values("a"), ElementsAre("red", "blue"));
  EXPECT_THAT(values("b"), ElementsAre("red"));
}

TEST_F(WildcardsTest, HaveWeights) {
  write("a.txt", "3::red\n 0.5::blue\ngreen\n0::\n");
  EXPECT_THAT(values("a"), ElementsAre("red", "blue", "green", ""));
  const std::vector<uint64_t>& sums = wildcards().values("a", place_).sums;
  EXPECT_THAT(sums,
              ElementsAre(3 * kWeightUnit, 3 * kWeightUnit + kWeightUnit / 2,
                          4 * kWeightUnit + kWeightUnit / 2, 4 * kWeightUnit + kWeightUnit / 2));
}

TEST_F(WildcardsTest, AreFoundInFolders) {
  write("a/b/c d.txt", "x");
  EXPECT_THAT(values("a/b/c d"), ElementsAre("x"));
}

TEST_F(WildcardsTest, StarsStandForFilesInTheOrderOfTheirNames) {
  for (const char* name : {"colour-warm", "colour-cold", "colours", "xcolour", "dir/one", "dir/two",
                           "dir/sub/one", "dir/sub/sub/three"}) {
    write(std::string(name) + ".txt", name);
  }
  write("dir/note.md", "no wildcard");
  EXPECT_THAT(values("colour*"), ElementsAre("colour-cold", "colour-warm", "colours"));
  EXPECT_THAT(values("c*r-*m"), ElementsAre("colour-warm"));
  EXPECT_THAT(values("dir/*"), ElementsAre("dir/one", "dir/two"));
  EXPECT_THAT(values("*/*o*"), ElementsAre("dir/one", "dir/two"));
  EXPECT_THAT(values("dir/**"),
              ElementsAre("dir/one", "dir/sub/one", "dir/sub/sub/three", "dir/two"));
  EXPECT_THAT(values("**/one"), ElementsAre("dir/one", "dir/sub/one"));
  EXPECT_THAT(values("dir/**/sub/*"), ElementsAre("dir/sub/one", "dir/sub/sub/three"));
}

TEST_F(WildcardsTest, AreReadOnce) {
  write("a.txt", "red");
  EXPECT_THAT(values("a"), ElementsAre("red"));
  write("a.txt", "blue");
  EXPECT_THAT(values("a"), ElementsAre("red"));
  EXPECT_THAT(values("*"), ElementsAre("red"));
}

TEST_F(WildcardsTest, UnknownOnesAreNamedWithTheNearest) {
  write("colours.txt", "red");
  write("people/kings.txt", "king");
  EXPECT_EQ(error("colors"), "prompt, column 3: unknown wildcard __colors__, expected a file '" +
                                 path("colors.txt") + "' (did you mean colours?)");
  EXPECT_EQ(error("people/king"),
            "prompt, column 3: unknown wildcard __people/king__, expected a "
            "file '" +
                path("people/king.txt") + "' (did you mean people/kings?)");
  EXPECT_EQ(error("zebra"), "prompt, column 3: unknown wildcard __zebra__, expected a file '" +
                                path("zebra.txt") + "'");
  EXPECT_EQ(error("zebra*"), "prompt, column 3: no file in '" +
                                 path("").substr(0, path("").size() - 1) +
                                 "' has a name like __zebra*__");
}

TEST_F(WildcardsTest, NeverLeaveTheFolder) {
  folder_.write("secret.txt", "secret");
  folder_.write("wild/sub/a.txt", "a");
  const std::string out = "leads out of the folder '" + (folder_ / "wild").string() + "'";
  for (const std::string& name :
       std::vector<std::string>{"../secret", "sub/../../secret", "..", "sub/..", "/etc/passwd",
                                (folder_ / "secret").string(), "../*", "sub/../*"}) {
    EXPECT_EQ(error(name), "prompt, column 3: the wildcard __" + name + "__ " + out);
  }
}

TEST_F(WildcardsTest, NeverFollowLinksOutOfTheFolder) {
  folder_.write("secrets/a.txt", "secret");
  fs::create_symlink(folder_ / "secrets/a.txt", path("link.txt"));
  fs::create_directory_symlink(folder_ / "secrets", path("dir"));
  fs::create_directory_symlink("..", path("up"));
  for (const char* name : {"link", "dir/a", "up/secrets/a", "l*"}) {
    EXPECT_THAT(error(name), AllOf(HasSubstr("the wildcard __" + std::string(name)),
                                   HasSubstr("leads out of the folder"), HasSubstr("by a link")));
  }
}

TEST_F(WildcardsTest, FollowLinksWithinTheFolder) {
  write("a.txt", "red");
  fs::create_symlink("a.txt", path("b.txt"));
  EXPECT_THAT(values("b"), ElementsAre("red"));
}

TEST_F(WildcardsTest, OfAFolderThatIsItselfALinkAreFound) {
  write("a.txt", "red");
  fs::create_directory_symlink(folder_ / "wild", folder_ / "link");
  const Wildcards linked("--wildcards", folder_ / "link");
  EXPECT_EQ(linked.values("a", place_).values.size(), 1u);
}

TEST_F(WildcardsTest, EmptyFilesAreErrors) {
  write("none.txt", "# only a comment\n\n");
  write("zero.txt", "0::a\n0::b");
  EXPECT_EQ(error("none"),
            "prompt, column 3: the wildcard __none__ has no value: expected at least "
            "one line that is no comment");
  EXPECT_EQ(error("zero"),
            "prompt, column 3: the wildcard __zero__ has no value: expected at least "
            "one line that is no comment and a weight that is not 0");
}

TEST_F(WildcardsTest, BytesThatAreNoUtf8AreNamedByTheirLine) {
  const std::string file = write("a.txt", "red\nbl\xfc\n");
  EXPECT_EQ(error("a"), file + ":2: text in UTF-8 was expected, found bytes that are not");
}

TEST_F(WildcardsTest, LinesThatAreNoTemplatesAreNamedByLineAndColumn) {
  const std::string braces = write("braces.txt", "red\n  2::été {a|b\n");
  const std::string weight = write("weight.txt", "red\n -2::blue\n");
  const std::string nested = write("nested.txt", "{red|__zebra__}\n");
  EXPECT_EQ(error("braces"), braces + ":2:10: found a { without its } (\\{ stands for a brace)");
  EXPECT_EQ(error("weight"), weight +
                                 ":2:2: expected a weight from 0 to 1000000 before ::, found -2 "
                                 "(\\: stands for a colon)");
  EXPECT_EQ(error("nested"), nested + ":1:6: unknown wildcard __zebra__, expected a file '" +
                                 path("zebra.txt") + "'");
}

TEST_F(WildcardsTest, LinesMayNameTheirOwnFile) {
  write("a.txt", "{x|__a__}");
  EXPECT_THAT(values("a"), ElementsAre("{x|__a__}"));
}

TEST_F(WildcardsTest, OtherThingsThanFilesAreErrors) {
  fs::create_directory(path("folder.txt"));
  ASSERT_EQ(::mkfifo(path("pipe.txt").c_str(), 0600), 0);
  for (const char* name : {"folder", "pipe"}) {
    EXPECT_EQ(error(name), "prompt, column 3: the wildcard __" + std::string(name) +
                               "__ expects a file, found '" + path(name) + ".txt', which is none");
  }
}

TEST_F(WildcardsTest, FilesThatCannotBeReadAreErrors) {
  const std::string file = write("a.txt", "red");
  fs::permissions(folder_.path(), fs::perms::all);
  fs::permissions(file, fs::perms::none);
  wildcards();
  const Unprivileged unprivileged;
  EXPECT_EQ(error("a"), "prompt, column 3: cannot read '" + file + "': Permission denied");
}

TEST_F(WildcardsTest, FilesThatAreTooLargeAreErrors) {
  const std::string file = write("a.txt", "red\n");
  fs::resize_file(file, Wildcards::kMaxFileBytes + 1);
  EXPECT_EQ(error("a"), "prompt, column 3: '" + file +
                            "' has 16777217 bytes, expected a file of wildcards with at most "
                            "16777216");
}

TEST_F(WildcardsTest, AStarLooksThroughSoManyFilesOnly) {
  for (const char* name : {"a.txt", "b.txt", "c.md", "d/e.txt"}) write(name, "red");
  const Wildcards enough("--wildcards", folder_ / "wild", 5);
  EXPECT_EQ(enough.values("*", place_).values.size(), 2u);
  const Wildcards few("--wildcards", folder_ / "wild", 4);
  EXPECT_EQ(few.values("a", place_).values.size(), 1u);
  EXPECT_EQ(error_of([&] { few.values("a*", place_); }, ErrorKind::kUsage),
            "prompt, column 3: the wildcard __a*__ looks through '" + (folder_ / "wild").string() +
                "', which holds more than 4 files and folders");
}

TEST_F(WildcardsTest, TheFolderMayBeNamedInAnyWay) {
  write("a/b.txt", "red");
  for (const char* end : {"/", "/.", "//", "/a/.."}) {
    const Wildcards wildcards("--wildcards", (folder_ / "wild").string() + end);
    EXPECT_EQ(wildcards.values("*/b", place_).values.size(), 1u) << end;
    EXPECT_EQ(wildcards.values("a/b", place_).values.size(), 1u) << end;
  }
}

TEST_F(WildcardsTest, WithoutAFolderEachIsAnError) {
  EXPECT_EQ(error_of([&] { Wildcards().values("a", place_); }, ErrorKind::kUsage),
            "prompt, column 3: the wildcard __a__ needs a folder of wildcard files, and none was "
            "named");
}

TEST_F(WildcardsTest, TheFolderMustBeThere) {
  const std::string file = write("a.txt", "red");
  EXPECT_EQ(
      error_of([&] { Wildcards("--wildcards", file); }, ErrorKind::kUsage),
      "--wildcards expects a folder of wildcard files, found '" + file + "', which is no folder");
  EXPECT_EQ(error_of([&] { Wildcards("--wildcards", path("b")); }, ErrorKind::kUsage),
            "--wildcards expects a folder of wildcard files, found '" + path("b") +
                "', which is not there");
}

}  // namespace
}  // namespace sd
