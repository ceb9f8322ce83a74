#include "jobs/output_name.h"

#include <unistd.h>

#include "tests/io/pictures_support.h"

namespace sd {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;

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
  expect_error(
      [] { parse_output("cat.png", 2); }, ErrorKind::kUsage,
      "--output expects a name with {index} or {seed}, or a folder, for 2 images, found one "
      "file 'cat.png'");
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

TEST(OutputName, EndsAsTheFormatSays) {
  const auto name_of = [](const std::optional<std::string>& option, PictureFormat format) {
    return output_path(parse_output(option, 1, format), 0, 8).string();
  };
  EXPECT_EQ(name_of(std::nullopt, PictureFormat::kJpeg), "sd-8.jpg");
  EXPECT_EQ(name_of("new/", PictureFormat::kWebp), "new/sd-8.webp");
  EXPECT_EQ(name_of("new", PictureFormat::kPng), "new/sd-8.png");
  EXPECT_EQ(name_of("a.JPEG", PictureFormat::kJpeg), "a.JPEG");
  EXPECT_EQ(name_of("-", PictureFormat::kWebp), "-");
  EXPECT_EQ(path_for("cat.jpg", 1, 0, 8), "cat.jpg");
  EXPECT_EQ(path_for("{seed}.webp", 2, 0, 8), "8.webp");
  for (const char* option : {"a.png", "{seed}.PNG"}) {
    expect_error([&] { parse_output(option, 1, PictureFormat::kJpeg); }, ErrorKind::kUsage,
                 "--output "s + option + " and --format jpg cannot stand together");
  }
}

TEST(OutputName, TakesDoubledBracesForBraces) {
  EXPECT_EQ(parse_output("{{x}}.png", 1).kind, OutputKind::kFile);
  EXPECT_EQ(path_for("{{x}}.png", 1, 0, 7), "{x}.png");
  EXPECT_EQ(path_for("{{{index}}}.png", 2, 1, 7), "{1}.png");
  EXPECT_EQ(path_for("a}}{{b.png", 1, 0, 7), "a}{b.png");
  EXPECT_EQ(path_for("{{{{seed}}}}.png", 1, 0, 7), "{{seed}}.png");
}

TEST(OutputName, RefusesBadNames) {
  const auto expect = [](const std::string& option, const std::string& part) {
    expect_error([&] { parse_output(option, 1); }, ErrorKind::kUsage, part);
  };
  expect(".png", "--output expects a name before .png, found '.png' (a folder's name ends in /)");
  expect("out/.PNG", "expects a name before .PNG");
  expect(".jpg", "expects a name before .jpg");
  expect("out/.WebP", "expects a name before .WebP");
  expect("cat.gif",
         "--output expects a name that ends in .png, .jpg or .webp, or in / for a folder, found "
         "'cat.gif'");
  expect("v1.5", "or in / for a folder, found 'v1.5'");
  expect("{index}", "expects a name that ends in .png, .jpg or .webp");
  expect("a\nb.png", "without line breaks and other control characters, found 'a?b.png'");
  expect("a\nb/", "without line breaks and other control characters");
  expect(std::string("a\0.png", 6), "control characters");
  expect("", "--output expects the name of a file or folder, found an empty text");
  expect(std::string(300, 'n') + ".png", "names of at most 255 bytes, found one of 304 bytes");
  expect(std::string(300, 'n'), "found one of 300 bytes");
  expect(std::string(300, 'n') + "/a.png", "found one of 300 bytes");
}

TEST(OutputName, RefusesBadPatterns) {
  const auto expect = [](const std::string& option, const std::string& part) {
    expect_error([&] { parse_output(option, 2); }, ErrorKind::kUsage, part);
  };
  expect("{prompt}.png", "unknown placeholder {prompt}");
  expect("{}.png", "unknown placeholder {}");
  expect("{index.png", "a { without its }");
  expect("index}.png", "a } without its {");
  expect("{{index}.png", "a } without its {");
  expect("{index:5}.png", "number format");
  expect("{index:0x}.png", "number format");
  expect("{index:0}.png", "number format");
  expect("{index:0999}.png", "number format");
  expect("{index:-05}.png", "number format");
  expect("{seed}/cat.png", "in the file's name, not in its folder");
  expect("{index}/../{seed}.png", "in the file's name, not in its folder");
  expect(std::string(250, 'x') + "{index:09}.png", "263 bytes");
  expect("{index}.gif", "expects a name that ends in .png");
}

TEST(OutputName, IsCheckedWithTheNumbersItGets) {
  const OutputNames names = parse_output(std::string(240, 'x') + "{seed}.png", 1);
  EXPECT_NO_THROW(output_path(names, 0, 12345678901));
  expect_error([&] { output_path(names, 0, 123456789012); }, ErrorKind::kUsage,
               "--output expects names of at most 255 bytes, found one of 256 bytes");
}

TEST(OutputName, OfLatentsFollowsTheSameRules) {
  EXPECT_EQ(output_path(parse_latents_output("l.safetensors", 1), 0, 7), "l.safetensors");
  EXPECT_EQ(output_path(parse_latents_output("out/{seed}.safetensors", 2), 1, 7),
            "out/7.safetensors");
  const auto expect = [](const std::string& option, const std::string& part) {
    expect_error([&] { parse_latents_output(option, 2); }, ErrorKind::kUsage, part);
  };
  expect("l.pt",
         "--save-latents expects a name that ends in .safetensors with {index} or {seed} in it, "
         "found 'l.pt'");
  expect("l.safetensors", "--save-latents expects a name with {index} or {seed}");
  expect("{x}.safetensors", "--save-latents knows the placeholders {index} and {seed}");
  expect(std::string(260, 'l') + "{seed}.safetensors", "--save-latents expects names of at most");
}

TEST(OutputName, NeverLeavesItsFolder) {
  for (const std::string option : {"{index}{seed}.png", "..{index}.png", "out/{seed}..png"}) {
    const auto path = output_path(parse_output(option, 2), 1, 5);
    EXPECT_EQ(path.parent_path(), std::filesystem::path(option).parent_path());
  }
}

TEST(OutputName, KnowsStandardOutput) {
  EXPECT_EQ(parse_output("-", 1).kind, OutputKind::kStandardOutput);
  expect_error([] { parse_output("-", 2); }, ErrorKind::kUsage, "--output - takes one image");
}

/// The complaint about `option` before anything is painted, "" for none.
std::string complaint(const std::string& option, OnExist on_exist = OnExist::kOverwrite) {
  try {
    const OutputNames names = parse_output(option, 1);
    check_output(names, output_path(names, 0, 1), on_exist);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kOutput) << error.what();
    return error.what();
  }
  return "";
}

TEST(CheckOutput, FindsNothingWrongAndMakesNothing) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "there");
  for (const char* option : {"a.png", "there", "there/", "there/a.png", "new", "new/one/",
                             "new/one/{index}.png", "../x/../{seed}.png"}) {
    EXPECT_EQ(complaint((folder / option).string()), "") << option;
  }
  EXPECT_THAT(folder.names(), ElementsAre("there"));
  EXPECT_TRUE(std::filesystem::is_empty(folder / "there"));
}

TEST(CheckOutput, SaysWhyAPictureCannotBeWritten) {
  using testing::HasSubstr;
  const TemporaryFolder folder;
  const auto path = [&](const std::string& name) { return (folder / name).string(); };
  write_bytes(folder / "file.png", {});
  write_bytes(folder / "notes", {});
  EXPECT_EQ(complaint(path("missing/a.png")), "cannot write '" + path("missing/a.png") +
                                                  "': the folder '" + path("missing") +
                                                  "' does not exist");
  EXPECT_EQ(complaint(path("file.png/x.png")), "cannot write '" + path("file.png/x.png") + "': '" +
                                                   path("file.png") + "' is not a folder");
  EXPECT_THAT(complaint(path("file.png/")), HasSubstr("file.png' is not a folder"));
  EXPECT_THAT(complaint(path("file.png/{index}.png")), HasSubstr("file.png' is not a folder"));
  EXPECT_EQ(complaint(path("notes")),
            "cannot write into '" + path("notes") +
                "': it is a file; expected a folder, a name that ends in .png, .jpg or .webp, or - "
                "for standard output");
  EXPECT_THAT(complaint("/dev/null"),
              HasSubstr("'/dev/null': it is a pipe or device; expected a folder"));
  EXPECT_THAT(complaint("/dev/full"),
              HasSubstr("'/dev/full': it is a pipe or device; expected a folder"));
  EXPECT_THAT(complaint("/proc/x.png"), HasSubstr("cannot write '/proc/x.png': the folder '/proc"));
  EXPECT_THAT(complaint("/proc/new/"), HasSubstr("the folder '/proc"));
}

TEST(CheckOutput, FollowsLinks) {
  using testing::HasSubstr;
  const TemporaryFolder folder;
  const auto link = [&](const char* to, const char* name) {
    std::filesystem::create_symlink(to, folder / name);
    return (folder / name).string();
  };
  EXPECT_EQ(complaint(link("later.png", "a.png")), "");
  EXPECT_THAT(complaint(link("no/b.png", "b.png")),
              HasSubstr("b.png': it is a link to '" + (folder / "no/b.png").string() +
                        "', and the folder '" + (folder / "no").string() + "' does not exist"));
  EXPECT_THAT(complaint(link("c.png", "c.png")), HasSubstr("symbolic links"));
  EXPECT_THAT(complaint(link("/dev/null", "d.png")), HasSubstr("pipe or device"));
  EXPECT_THAT(complaint(link("nowhere", "e")), HasSubstr("/e' is not a folder"));
}

TEST(CheckOutput, FindsAFolderThatTakesNoFiles) {
  using testing::HasSubstr;
  const TemporaryFolder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
  const bool is_root = ::geteuid() == 0;  // for whom nothing is read-only
  if (is_root) {
    ASSERT_EQ(::seteuid(65534), 0);
  }
  for (const char* option : {"a.png", "new/", "new/{seed}.png", "."}) {
    EXPECT_THAT(complaint((folder / option).string()), HasSubstr("may not be written to"));
  }
  if (is_root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
}

TEST(NewFolders, AreMadeAndGoWhereTheyStayEmpty) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "old");
  {
    NewFolders folders;
    folders.make(folder / "old");
    folders.make(folder / "a/b/c/");
    folders.make(folder / "a/b/c");
    folders.make("");
    EXPECT_TRUE(std::filesystem::is_directory(folder / "a/b/c"));
    write_bytes(folder / "a/kept", {});
  }
  EXPECT_TRUE(std::filesystem::exists(folder / "a/kept"));
  EXPECT_FALSE(std::filesystem::exists(folder / "a/b"));
  EXPECT_TRUE(std::filesystem::exists(folder / "old")) << "it was there before";
  write_bytes(folder / "file", {});
  expect_error([&] { NewFolders().make(folder / "file/x"); }, ErrorKind::kOutput,
               "cannot make the folder");
}

TEST(OnExist, FollowsFromWhatWasNamed) {
  EXPECT_EQ(default_on_exist(OutputKind::kFile), OnExist::kOverwrite);
  EXPECT_EQ(default_on_exist(OutputKind::kNone), OnExist::kRename);
  EXPECT_EQ(default_on_exist(OutputKind::kPattern), OnExist::kFail);
}

}  // namespace
}  // namespace sd
