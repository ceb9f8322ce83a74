#include "core/model_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/config_reader.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/unprivileged.h"

namespace sd {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ModelFileTest : public ::testing::Test {
 protected:
  /// What is said of `path` by readers of text and of JSON alike.
  static std::string error_of_reading(const fs::path& path) {
    const std::string error = error_of([&] { read_model_text(path); });
    EXPECT_EQ(error_of([&] { ConfigReader::from_file(path); }), error);
    EXPECT_THAT(error, StartsWith(path.string() + ": "));
    return error;
  }
  std::string error_of_content(const std::string& text) {
    return error_of_reading(folder_.write("config.json", text));
  }

  TemporaryFolder folder_;
};

TEST_F(ModelFileTest, TextIsReadWhole) {
  std::string text("a\0b\n", 4);
  text.append(100'000, 'x');
  EXPECT_EQ(read_model_text(folder_.write("merges.txt", text)), text);
}

TEST_F(ModelFileTest, WhatIsNoFileIsNamed) {
  EXPECT_THAT(error_of_reading(folder_ / "config.json"), HasSubstr("the file is missing"));
  EXPECT_THAT(error_of_reading(folder_.path()), HasSubstr("expected a file, found a folder"));
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(error_of_reading(folder_ / "fifo"), HasSubstr("found something that is not"));
  fs::create_symlink("blobs/3a91", folder_ / "link.json");
  EXPECT_THAT(error_of_reading(folder_ / "link.json"), HasSubstr("the link leads to blobs/3a91"));
  const fs::path file = folder_.write("file", "x");
  EXPECT_THAT(error_of_reading(file / "config.json"),
              HasSubstr("cannot be opened: Not a directory"));
}

TEST_F(ModelFileTest, WhatMayNotBeReadIsNamed) {
  const fs::path file = folder_.write("config.json", "{}");
  fs::permissions(folder_.path(), fs::perms::all);
  fs::permissions(file, fs::perms::none);
  const Unprivileged nobody;
  EXPECT_THAT(error_of_reading(file), HasSubstr("cannot be opened: Permission denied"));
}

TEST_F(ModelFileTest, WhatADownloadLeavesInPlaceOfTheFileIsNamed) {
  EXPECT_THAT(error_of_content(""), HasSubstr("the file is empty"));
  EXPECT_THAT(error_of_content("version https://git-lfs.github.com/spec/v1\noid sha256:1\n"),
              AllOf(HasSubstr("a git-lfs pointer"), HasSubstr("git lfs pull")));
  for (const char* page :
       {"<!DOCTYPE html><html></html>", "\n <HTML lang=en>", "<?xml?><Error/>"}) {
    EXPECT_THAT(error_of_content(page), HasSubstr("this is a web page")) << page;
  }
  EXPECT_THAT(error_of_content("Entry not found"), HasSubstr("answer of a failed download"));
  EXPECT_THAT(error_of_content("PK\x03\x04"
                               "archive/data.pkl"),
              HasSubstr("zip archive"));
  EXPECT_THAT(error_of_content("\x80\x02}q\x01(ctorch"), HasSubstr("Python pickle"));
}

TEST_F(ModelFileTest, WhatOnlyLooksSimilarIsTheFileItself) {
  for (const std::string text :
       {"#version: 0.2", "{\"version\": 1}", "<|startoftext|> a", "<", "\n"}) {
    EXPECT_EQ(mistaken_content(text), "") << text;
  }
  EXPECT_EQ(mistaken_content(std::string("\x80\x02\0\0\0\0\0\0{", 9)), "");  // a safetensors length
}

TEST_F(ModelFileTest, FoldersAreNamedToo) {
  const auto error = [](const fs::path& path) {
    return error_of([&] { check_model_folder(path); });
  };
  EXPECT_NO_THROW(check_model_folder(folder_.path()));
  EXPECT_THAT(error(folder_ / "unet"), HasSubstr("unet: the folder is missing"));
  EXPECT_THAT(error(folder_.write("vae", "x")), HasSubstr("vae: expected a folder, found a file"));
  fs::create_symlink("nowhere", folder_ / "link");
  EXPECT_THAT(error(folder_ / "link"), HasSubstr("expected a folder, found a link to nothing"));
  fs::create_directory(folder_ / "locked");
  fs::permissions(folder_.path(), fs::perms::all);
  fs::permissions(folder_ / "locked", fs::perms::none);
  const Unprivileged nobody;
  EXPECT_THAT(error(folder_ / "locked"),
              HasSubstr("the folder cannot be opened: Permission denied"));
  EXPECT_THAT(error(folder_ / "locked" / "unet"),
              HasSubstr("the folder cannot be opened: Permission denied"));
}

}  // namespace
}  // namespace sd
