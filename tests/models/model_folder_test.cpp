#include "models/model_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <string_view>

#include "models/family.h"
#include "models/known_families.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/unprivileged.h"

namespace sd {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ModelFolderTest : public ::testing::Test {
 protected:
  std::string error_of_read(const fs::path& path) {
    return error_of([&] { read_model_folder(path); });
  }
  std::string error_of_index(const std::string& text) {
    folder_.write("model_index.json", text);
    const std::string error = error_of_read(folder_.path());
    EXPECT_THAT(error, StartsWith((folder_ / "model_index.json").string() + ": "));
    return error;
  }

  TemporaryFolder folder_;
};

TEST_F(ModelFolderTest, ListsTheComponentsThatAreThere) {
  folder_.write("model_index.json", R"({"_class_name": "P", "_diffusers_version": "0.8.1",
      "unet": ["diffusers", "U"], "safety_checker": [null, null], "requires": false})");
  const ModelFolder model = read_model_folder(folder_.path());
  EXPECT_EQ(model.pipeline_class, "P");
  EXPECT_EQ(model.components, (std::map<std::string, std::string>{{"unet", "U"}}));
  EXPECT_TRUE(older_than(model.diffusers_version, 0, 9));
}

TEST_F(ModelFolderTest, WhatIsNoModelIsNamed) {
  EXPECT_THAT(error_of_read(folder_ / "absent"), EndsWith("nothing is there"));
  EXPECT_THAT(error_of_read(folder_.write("sd.ckpt", "x")), HasSubstr("found a single file"));
  EXPECT_THAT(error_of_read(folder_.path()), EndsWith("found a folder without it"));
  fs::create_directory(folder_ / "empty");
  EXPECT_THAT(error_of_read(folder_ / "empty"), EndsWith("found an empty folder"));
  folder_.write("unet/config.json", "{}");
  EXPECT_THAT(error_of_read(folder_ / "unet"), EndsWith("the folder of a single component"));
}

TEST_F(ModelFolderTest, WhatStandsInPlaceOfTheIndexIsNamed) {
  EXPECT_THAT(error_of_index(""), HasSubstr("the file is empty"));
  EXPECT_THAT(error_of_index("version https://git-lfs.github.com/spec/v1\n"), HasSubstr("git-lfs"));
  EXPECT_THAT(error_of_index("<html>"), HasSubstr("web page"));
  EXPECT_THAT(error_of_index(R"({"_class_name": "StableDiff)"), HasSubstr("breaks off"));
  EXPECT_THAT(error_of_index("{}"), HasSubstr("'_class_name' is missing"));
  EXPECT_THAT(error_of_index(R"({"_class_name": "P", "unet": ["onnx", "OnnxRuntimeModel"]})"),
              HasSubstr("an ONNX model"));
  fs::remove(folder_ / "model_index.json");
  fs::create_directory(folder_ / "model_index.json");
  EXPECT_THAT(error_of_read(folder_.path()), HasSubstr("expected a file, found a folder"));
}

TEST_F(ModelFolderTest, AFolderThatMayNotBeOpenedIsNamed) {
  fs::permissions(folder_.path(), fs::perms::none);
  const Unprivileged nobody;
  EXPECT_THAT(error_of_read(folder_.path()), HasSubstr("cannot be opened: Permission denied"));
}

TEST_F(ModelFolderTest, AComponentOfAnotherClassIsNamed) {
  const ModelFolder model{folder_.path(), "P", "", {{"unet", "UNet3D"}}};
  EXPECT_THAT(error_of([&] { component_folder(model, "unet", {"UNet2D"}); }),
              AllOf(StartsWith(model.index().string()), HasSubstr("is a UNet3D, expected UNet2D")));
  EXPECT_THAT(error_of([&] { component_folder(model, "vae", {"Vae"}); }),
              HasSubstr("the component 'vae' (Vae) is missing"));
  EXPECT_THAT(error_of([&] { component_folder(model, "unet"); }),
              HasSubstr("unet: the folder is missing although model_index.json names it"));
}

// What programs without libtorch know, and what the engine loads, are the same classes.
TEST_F(ModelFolderTest, TheKnownFamiliesAreThoseThatCanBeLoaded) {
  folder_.write("model_index.json", R"({"_class_name": "NoSuchPipeline"})");
  LoadOptions options;
  options.model = folder_.path().string();
  Observer observer;
  const std::string error = error_of([&] { load_family(options, {}, observer); });
  std::set<std::string_view> names;
  for (const KnownFamily& family : kKnownFamilies) names.insert(family.pipeline_class);
  std::string known;
  for (const std::string_view name : names)
    known += (known.empty() ? "" : ", ") + std::string(name);
  EXPECT_THAT(error, EndsWith("; known are " + known));
}

}  // namespace
}  // namespace sd
