#include "io/component_files.h"

#include <array>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/safetensors_writer.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/unprivileged.h"

namespace sd {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ComponentFilesTest : public ::testing::Test {
 protected:
  ComponentFilesTest() { fs::create_directory(folder_); }

  /// A safetensors file with one number under each of the names.
  void write_tensors(const std::string& file, const std::vector<std::string>& names) {
    static const std::array<std::byte, 4> kNumber{};
    std::map<std::string, TensorBytes> tensors;
    for (const std::string& name : names) tensors[name] = {"F32", {1}, kNumber};
    fs::create_directories((folder_ / file).parent_path());
    write_safetensors(folder_ / file, tensors, {}, OnExist::kFail);
  }

  void write_text(const std::string& file, const std::string& text) {
    temporary_.write("vae/" + file, text);
  }

  std::vector<std::string> find(const std::string& variant = "") {
    files_ = find_weight_files(folder_, "model", variant);
    std::vector<std::string> names;
    for (const fs::path& path : files_.paths) names.push_back(path.lexically_relative(folder_));
    return names;
  }

  std::string error_of_find(const std::string& variant = "", ErrorKind kind = ErrorKind::kModel) {
    return error_of([&] { find(variant); }, kind);
  }

  TemporaryFolder temporary_;
  fs::path folder_ = temporary_ / "vae";
  ComponentFiles files_;
};

TEST_F(ComponentFilesTest, OneFile) {
  write_tensors("model.safetensors", {"a"});
  write_tensors("model.fp16.safetensors", {"a"});
  write_tensors("diffusion_pytorch_model.safetensors", {"a"});
  EXPECT_THAT(find(), ElementsAre("model.safetensors"));
  EXPECT_FALSE(files_.variant_missing);
}

TEST_F(ComponentFilesTest, OneFileOfAVariant) {
  write_tensors("model.safetensors", {"a"});
  write_tensors("model.fp16.safetensors", {"a"});
  EXPECT_THAT(find("fp16"), ElementsAre("model.fp16.safetensors"));
  EXPECT_FALSE(files_.variant_missing);
}

TEST_F(ComponentFilesTest, AMissingVariantFallsBackToThePlainFileAndSaysSo) {
  write_tensors("model.safetensors", {"a"});
  EXPECT_THAT(find("fp16"), ElementsAre("model.safetensors"));
  EXPECT_TRUE(files_.variant_missing);
}

struct Sharded {
  const char* name;
  std::string index;
  std::string shard1;
  std::string shard2;
  std::string variant;
};

class ShardNames : public ComponentFilesTest, public ::testing::WithParamInterface<Sharded> {};

TEST_P(ShardNames, AreReadFromTheIndex) {
  const Sharded& p = GetParam();
  write_tensors(p.shard1, {"a", "b"});
  write_tensors(p.shard2, {"c"});
  write_text(p.index, R"({"metadata": {"total_size": 12}, "weight_map": {"c": ")" + p.shard2 +
                          R"(", "a": ")" + p.shard1 + R"(", "b": ")" + p.shard1 + "\"}}");
  EXPECT_THAT(find(p.variant), ElementsAre(p.shard1, p.shard2));
  EXPECT_FALSE(files_.variant_missing);
}

INSTANTIATE_TEST_SUITE_P(Forms, ShardNames,
                         ::testing::Values(Sharded{"plain", "model.safetensors.index.json",
                                                   "model-00001-of-00002.safetensors",
                                                   "model-00002-of-00002.safetensors", ""},
                                           Sharded{"variant", "model.safetensors.index.fp16.json",
                                                   "model.fp16-00001-of-00002.safetensors",
                                                   "model.fp16-00002-of-00002.safetensors", "fp16"},
                                           Sharded{"legacy", "model.safetensors.fp16.index.json",
                                                   "model-00001-of-00002.fp16.safetensors",
                                                   "model-00002-of-00002.fp16.safetensors", "fp16"},
                                           Sharded{"subfolder", "model.safetensors.index.json",
                                                   "parts/1.safetensors", "parts/2.safetensors",
                                                   ""}),
                         [](const auto& test) { return test.param.name; });

TEST_F(ComponentFilesTest, AShardedPlainFormStandsInForAMissingVariant) {
  write_tensors("s1.safetensors", {"a"});
  write_text("model.safetensors.index.json", R"({"weight_map": {"a": "s1.safetensors"}})");
  EXPECT_THAT(find("fp16"), ElementsAre("s1.safetensors"));
  EXPECT_TRUE(files_.variant_missing);
}

TEST_F(ComponentFilesTest, AMissingShardIsNamed) {
  write_tensors("s1.safetensors", {"a"});
  write_text("model.safetensors.index.json",
             R"({"weight_map": {"a": "s1.safetensors", "b": "s2.safetensors"}})");
  EXPECT_THAT(error_of_find(),
              AllOf(HasSubstr("model.safetensors.index.json"), HasSubstr("s2.safetensors")));
}

TEST_F(ComponentFilesTest, ATensorThatItsShardDoesNotHaveIsNamed) {
  write_tensors("s1.safetensors", {"a"});
  write_tensors("s2.safetensors", {"b"});
  write_text("model.safetensors.index.json",
             R"({"weight_map": {"a": "s1.safetensors", "b.weight": "s2.safetensors"}})");
  EXPECT_THAT(error_of_find(), AllOf(HasSubstr("model.safetensors.index.json"),
                                     HasSubstr("'b.weight'"), HasSubstr("s2.safetensors")));
}

TEST_F(ComponentFilesTest, ShardsOutsideOfTheFolderAreRefused) {
  write_tensors("s1.safetensors", {"a"});
  fs::create_directory(folder_.parent_path() / "other");
  fs::copy(folder_ / "s1.safetensors", folder_.parent_path() / "other" / "s1.safetensors");
  const std::string absolute = (folder_ / "s1.safetensors").string();
  for (const std::string& name : {std::string("../other/s1.safetensors"), absolute,
                                  std::string("x/../../other/s1.safetensors"), std::string()}) {
    write_text("model.safetensors.index.json", R"({"weight_map": {"a": ")" + name + "\"}}");
    EXPECT_THAT(error_of_find(), HasSubstr("'" + name + "' leads out of the folder"));
  }
}

TEST_F(ComponentFilesTest, BrokenIndexesAreRefused) {
  for (const std::string json :
       {"{}", R"({"weight_map": {}})", R"({"weight_map": []})", R"({"weight_map": {"a": 1}})"}) {
    write_text("model.safetensors.index.json", json);
    EXPECT_THAT(error_of_find(), HasSubstr("model.safetensors.index.json")) << json;
  }
}

TEST_F(ComponentFilesTest, WhatStandsInPlaceOfAnIndexIsNamed) {
  const std::vector<std::pair<std::string, std::string>> contents = {
      {"", "the file is empty"},
      {R"({"weight_map": {"a")", "breaks off"},
      {"version https://git-lfs.github.com/spec/v1\n", "git-lfs pointer"},
      {"<!DOCTYPE html>", "web page"}};
  for (const auto& [content, message] : contents) {
    write_text("model.safetensors.index.json", content);
    EXPECT_THAT(error_of_find(),
                AllOf(HasSubstr("model.safetensors.index.json: "), HasSubstr(message)));
  }
  fs::remove(folder_ / "model.safetensors.index.json");
  fs::create_directory(folder_ / "model.safetensors.index.json");
  EXPECT_THAT(error_of_find(), HasSubstr("index.json: expected a file, found a folder"));
}

TEST_F(ComponentFilesTest, AFolderOrADeadLinkInPlaceOfTheWeightsIsLeftToTheReader) {
  fs::create_directory(folder_ / "model.safetensors");
  EXPECT_THAT(find(), ElementsAre("model.safetensors"));
  fs::remove(folder_ / "model.safetensors");
  fs::create_symlink("../blobs/3a91", folder_ / "model.safetensors");
  EXPECT_THAT(find(), ElementsAre("model.safetensors"));
}

TEST_F(ComponentFilesTest, AFolderInPlaceOfAShardIsNamed) {
  fs::create_directory(folder_ / "s1.safetensors");
  write_text("model.safetensors.index.json", R"({"weight_map": {"a": "s1.safetensors"}})");
  EXPECT_THAT(error_of_find(), HasSubstr("s1.safetensors: expected a file, found a folder"));
}

TEST_F(ComponentFilesTest, AFolderThatMayNotBeOpenedSaysSo) {
  write_tensors("model.safetensors", {"a"});
  fs::permissions(temporary_.path(), fs::perms::all);
  fs::permissions(folder_, fs::perms::none);
  const Unprivileged nobody;
  EXPECT_THAT(error_of_find(), AllOf(HasSubstr("vae: the folder"), HasSubstr("Permission denied")));
}

TEST_F(ComponentFilesTest, VariantsAreReadFromTheNames) {
  EXPECT_THAT(weight_variants(folder_), IsEmpty());
  EXPECT_THAT(weight_variants(folder_ / "absent"), IsEmpty());
  for (const char* name :
       {"model.fp16.safetensors", "diffusion_pytorch_model.non_ema.safetensors",
        "model.bf16-00001-of-00002.safetensors", "model-00001-of-00002.old.safetensors",
        "model.safetensors.index.json", "model.ckpt", "model.onnx.bin", "config.json"}) {
    write_text(name, "x");
  }
  EXPECT_THAT(weight_variants(folder_), ElementsAre("bf16", "fp16", "non_ema", "old"));
  write_text("model-00002-of-00002.safetensors", "x");
  EXPECT_THAT(weight_variants(folder_), ElementsAre("", "bf16", "fp16", "non_ema", "old"));
  fs::remove(folder_ / "model-00002-of-00002.safetensors");
  write_text("model.safetensors", "x");
  EXPECT_THAT(weight_variants(folder_), ElementsAre("", "bf16", "fp16", "non_ema", "old"));
}

TEST_F(ComponentFilesTest, OtherFormatsAreNamed) {
  for (const std::string name :
       {"pytorch_model.bin", "model.ckpt", "model.onnx", "flax_model.msgpack", "tf_model.h5"}) {
    write_text(name, "x");
    EXPECT_THAT(error_of_find(), AllOf(HasSubstr("model.safetensors"),
                                       HasSubstr("found only " + name), Not(HasSubstr("variant"))));
    fs::remove(folder_ / name);
  }
}

TEST_F(ComponentFilesTest, AFolderThatHasOnlyAVariantSaysSo) {
  write_tensors("model.fp16.safetensors", {"a"});
  EXPECT_THAT(error_of_find(),
              AllOf(HasSubstr("found only model.fp16.safetensors"), HasSubstr("variant")));
  EXPECT_THAT(error_of_find("bf16"), HasSubstr("found only model.fp16.safetensors"));
}

TEST_F(ComponentFilesTest, ShardsWithoutTheirIndexSaySo) {
  write_tensors("model-00001-of-00002.safetensors", {"a"});
  write_tensors("model-00002-of-00002.safetensors", {"b"});
  EXPECT_THAT(error_of_find(), AllOf(HasSubstr("model.safetensors.index.json"),
                                     HasSubstr("model-00001-of-00002.safetensors and 1 more"),
                                     HasSubstr("their index is missing")));
}

TEST_F(ComponentFilesTest, AnEmptyOrMissingFolderSaysSo) {
  EXPECT_THAT(error_of_find(), AllOf(HasSubstr("vae"), HasSubstr("found no weights")));
  fs::remove(folder_);
  EXPECT_THAT(error_of_find(), AllOf(HasSubstr("vae"), HasSubstr("the folder is missing")));
}

TEST_F(ComponentFilesTest, AVariantIsPartOfAFileName) {
  write_tensors("model.safetensors", {"a"});
  EXPECT_THAT(error_of_find("../x", ErrorKind::kUsage), HasSubstr("../x"));
}

}  // namespace
}  // namespace sd
