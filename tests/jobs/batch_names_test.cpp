#include "jobs/batch_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace sd {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

std::string print(std::string_view pattern, std::optional<PictureFormat> format = std::nullopt) {
  return parse_batch_names("--names", pattern, format)
      .pattern.print({.index = 3, .prompt = "../a cat", .sampler = "ddim", .scale = 7.5});
}

TEST(BatchNames, MayHaveSubFolders) {
  EXPECT_EQ(print("{sampler}/{index:05}.png"), "ddim/00003.png");
  EXPECT_EQ(print("{prompt}/{prompt}.webp"), "___a cat/___a cat.webp");
  EXPECT_EQ(print("{date:%Y/%m}.png").find('/'), std::string::npos);
}

TEST(BatchNames, EndAsTheFormatSays) {
  EXPECT_EQ(print("{index}"), "3.png");
  EXPECT_EQ(print("{index}", PictureFormat::kJpeg), "3.jpg");
  EXPECT_EQ(print("{index}.JPEG", PictureFormat::kJpeg), "3.JPEG");
  EXPECT_EQ(print("v1.5/{index}-{scale}"), "v1.5/3-7.5.png");
  EXPECT_EQ(print("{index}.v2"), "3.v2.png");
  EXPECT_EQ(parse_batch_names("-o", "{index}.webp").format, PictureFormat::kWebp);
  expect_error([] { print("{index}.webp", PictureFormat::kJpeg); }, ErrorKind::kUsage,
               "--names {index}.webp and --format jpg cannot stand together");
  expect_error([] { print("{index}.gif"); }, ErrorKind::kUsage,
               "--names expects a name that ends in .png, .jpg, .webp or in no ending, found "
               "'{index}.gif'");
}

TEST(BatchNames, RefusePatternsThatLeaveTheFolder) {
  for (const char* pattern : {"/{index}", "/tmp/{index}.png", "//{index}"}) {
    expect_error([&] { print(pattern); }, ErrorKind::kUsage,
                 "--names expects a name below the output folder, found the absolute path '"s +
                     pattern + "'");
  }
  for (const char* pattern : {"../{index}", "a/../../{index}", "{sampler}/../{index}", "..", "a/..",
                              "a/../{index}.png"}) {
    expect_error([&] { print(pattern); }, ErrorKind::kUsage, "found .. in '"s + pattern + "'");
  }
}

TEST(BatchNames, RefusePatternsThatNameNoFile) {
  expect_error([] { print(""); }, ErrorKind::kUsage,
               "--names expects the name of a file, found ''");
  expect_error([] { print("a/"); }, ErrorKind::kUsage,
               "--names expects the name of a file after the last /, found 'a/'");
  expect_error([] { print("{sampler}/.png"); }, ErrorKind::kUsage,
               "--names expects a name before .png, found '{sampler}/.png'");
  for (const char* pattern : {"./{index}", "a/./{index}", "a//{index}", "."}) {
    expect_error([&] { print(pattern); }, ErrorKind::kUsage,
                 "--names expects names between its /, found . or nothing in '"s + pattern + "'");
  }
  expect_error([] { print("a\nb{index}"); }, ErrorKind::kUsage,
               "without line breaks and other control characters, found 'a?b{index}'");
  expect_error([] { print(std::string("a\0{index}", 9)); }, ErrorKind::kUsage,
               "control characters");
  expect_error([] { print("\xff{index}"); }, ErrorKind::kUsage, "--names expects a name in UTF-8");
  expect_error([] { print(std::string(250, 'n') + "{index:09}"); }, ErrorKind::kUsage,
               "names of at most 255 bytes, found one of 263 bytes");
}

TEST(PathBelow, NeedsNothingToBeThere) {
  const TemporaryFolder folder;
  EXPECT_EQ(path_below(folder / "new", "a/b.png"), folder / "new/a/b.png");
  EXPECT_EQ(path_below(folder.path(), "a/b.png"), folder / "a/b.png");
  EXPECT_EQ(path_below("", "b.png"), "b.png");
  EXPECT_TRUE(folder.names().empty());
}

class LinkTest : public ::testing::Test {
 protected:
  void link(const fs::path& to, const std::string& name) { fs::create_symlink(to, folder_ / name); }
  void expect_refused(const std::string& name, const std::string& part) {
    expect_error([&] { path_below(folder_.path(), name); }, ErrorKind::kOutput,
                 "cannot write '" + (folder_ / name).string() + "': '" + part);
  }

  TemporaryFolder folder_;
  TemporaryFolder outside_;
};

TEST_F(LinkTest, NoneLeadsOutOfTheFolder) {
  link(outside_.path(), "folder");
  link(outside_ / "new.png", "file.png");
  link("..", "up");
  outside_.write("there.png", "x");
  link(outside_ / "there.png", "there.png");
  fs::create_directory(folder_ / "sub");
  link("../folder", "sub/again");
  const std::string out = "' is a link that leads out of '" + folder_.path().string() + "'";
  expect_refused("folder/a.png", (folder_ / "folder").string() + out);
  expect_refused("folder/new/a.png", (folder_ / "folder").string() + out);
  expect_refused("sub/again/a.png", (folder_ / "sub/again").string() + out);
  expect_refused("up/a.png", (folder_ / "up").string() + out);
  expect_refused("there.png", (folder_ / "there.png").string() + out);
  expect_refused("file.png", (folder_ / "file.png").string() + "' is a link that leads to nowhere");
}

TEST_F(LinkTest, MayStayWithin) {
  fs::create_directory(folder_ / "real");
  link("real", "link");
  EXPECT_EQ(path_below(folder_.path(), "link/a.png"), folder_ / "link/a.png");
  fs::create_directory_symlink(folder_ / "real", outside_ / "root");
  EXPECT_EQ(path_below(outside_ / "root", "a.png"), outside_ / "root/a.png");
  const fs::path beside = folder_.path().string() + "-beside";
  fs::create_directory(beside);
  link(beside, "near");
  expect_refused("near/a.png", (folder_ / "near").string());
  fs::remove(beside);
}

}  // namespace
}  // namespace sd
