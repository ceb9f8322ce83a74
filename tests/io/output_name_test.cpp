#include "io/output_name.h"

#include "pictures_support.h"

namespace sd {
namespace {

std::string path_for(const std::string& option, int count, int index, std::uint64_t seed) {
  return output_path(parse_output(option, count), index, seed).string();
}

TEST(OutputName, IsTheSeedWithoutOption) {
  const OutputNames names = parse_output(std::nullopt, 4);
  EXPECT_EQ(names.kind, OutputKind::kNone);
  EXPECT_EQ(output_path(names, 2, 44), "sd-44.png");
  EXPECT_EQ(output_path(names, 0, 18446744073709551615u), "sd-18446744073709551615.png");
}

TEST(OutputName, IsTheFileForOnePicture) {
  EXPECT_EQ(parse_output("out/cat.png", 1).kind, OutputKind::kFile);
  EXPECT_EQ(path_for("out/cat.png", 1, 0, 7), "out/cat.png");
  EXPECT_EQ(path_for("CAT.PNG", 1, 0, 7), "CAT.PNG");
  EXPECT_EQ(path_for("../cat %s%n.png", 1, 0, 7), "../cat %s%n.png");
  expect_error([] { parse_output("cat.png", 2); }, ErrorKind::kUsage, "one file for 2 pictures");
}

TEST(OutputName, GoesIntoAFolder) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "v1.5");
  EXPECT_EQ(parse_output("new", 3).kind, OutputKind::kFolder);
  EXPECT_EQ(path_for("new", 3, 1, 8), "new/sd-8.png");
  EXPECT_EQ(path_for("new.d/", 1, 0, 8), "new.d/sd-8.png");
  EXPECT_EQ(path_for("..", 1, 0, 8), "../sd-8.png");
  EXPECT_EQ(path_for((folder / "v1.5").string(), 2, 0, 8), (folder / "v1.5" / "sd-8.png").string());
}

TEST(OutputName, FillsPatterns) {
  EXPECT_EQ(parse_output("{seed}.png", 1).kind, OutputKind::kPattern);
  EXPECT_EQ(path_for("out/{index:05}.png", 3, 2, 9), "out/00002.png");
  EXPECT_EQ(path_for("{index}_{seed:03}_{index:02}.png", 3, 123, 9), "123_009_123.png");
}

TEST(OutputName, RefusesBadPatterns) {
  const auto expect = [](const std::string& option, const std::string& part) {
    expect_error([&] { parse_output(option, 2); }, ErrorKind::kUsage, part);
  };
  expect("{prompt}.png", "unknown placeholder {prompt}");
  expect("{}.png", "unknown placeholder {}");
  expect("{index.png", "without its }");
  expect("{index:5}.png", "number format");
  expect("{index:0x}.png", "number format");
  expect("{index:0}.png", "number format");
  expect("{index:0999}.png", "number format");
  expect("{index:-05}.png", "number format");
  expect("{seed}/cat.png", "placeholder in its folder");
  expect("{index}/../{seed}.png", "placeholder in its folder");
  expect(std::string(250, 'x') + "{index:09}.png", "263 bytes");
  expect("{index}.webp", "does not end in .png");
  expect("cat.jpg", "does not end in .png");
  expect("", "needs the name");
  expect(std::string("a\0.png", 6), "needs the name");
}

TEST(OutputName, NeverLeavesItsFolder) {
  for (const std::string option : {"{index}{seed}.png", "..{index}.png", "out/{seed}..png"}) {
    const auto path = output_path(parse_output(option, 2), 1, 5);
    EXPECT_EQ(path.parent_path(), std::filesystem::path(option).parent_path());
  }
}

TEST(OutputName, KnowsStandardOutput) {
  EXPECT_EQ(parse_output("-", 1).kind, OutputKind::kStandardOutput);
  expect_error([] { parse_output("-", 2); }, ErrorKind::kUsage, "one picture");
}

TEST(OutputFolder, IsMadeWhereItWasNamed) {
  const TemporaryFolder folder;
  make_output_folder(parse_output((folder / "a/b").string(), 2));
  EXPECT_TRUE(std::filesystem::is_directory(folder / "a/b"));
  make_output_folder(parse_output((folder / "a/b").string(), 2));
  make_output_folder(parse_output((folder / "c/{seed}.png").string(), 2));
  EXPECT_TRUE(std::filesystem::is_directory(folder / "c"));
  make_output_folder(parse_output((folder / "d/one.png").string(), 1));
  EXPECT_FALSE(std::filesystem::exists(folder / "d"));
  write_bytes(folder / "file", {});
  expect_error([&] { make_output_folder(parse_output((folder / "file/x").string(), 2)); },
               ErrorKind::kOutput, "cannot make the folder");
}

TEST(OnExistOption, IsReadByName) {
  EXPECT_EQ(parse_on_exist("overwrite"), OnExist::kOverwrite);
  EXPECT_EQ(parse_on_exist("rename"), OnExist::kRename);
  EXPECT_EQ(parse_on_exist("skip"), OnExist::kSkip);
  EXPECT_EQ(parse_on_exist("error"), OnExist::kFail);
  expect_error([] { parse_on_exist("Skip"); }, ErrorKind::kUsage, "'Skip'");
  EXPECT_EQ(default_on_exist(OutputKind::kFile), OnExist::kOverwrite);
  EXPECT_EQ(default_on_exist(OutputKind::kNone), OnExist::kRename);
  EXPECT_EQ(default_on_exist(OutputKind::kPattern), OnExist::kFail);
}

}  // namespace
}  // namespace sd
