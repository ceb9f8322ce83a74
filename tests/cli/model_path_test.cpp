#include "cli/model_path.h"

#include <gmock/gmock.h>

#include "sd/error.h"

#include "tests/cli/cli_fixture.h"

namespace sd::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

class ModelPathTest : public CliTest {
 protected:
  static std::string error_of(const std::string& given) {
    try {
      find_model(given);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kModel);
      return error.what();
    }
    ADD_FAILURE() << given << " was found";
    return "";
  }
};

TEST_F(ModelPathTest, FindsAFolder) {
  make_model("a/my-model");
  EXPECT_EQ(find_model("a/my-model").folder, "a/my-model");
  EXPECT_EQ(find_model("a/my-model").name, "my-model");
  EXPECT_EQ(find_model("./a/my-model/").name, "my-model");
  EXPECT_EQ(find_model(fs::absolute("a/my-model")).name, "my-model");
  fs::current_path("a/my-model");
  EXPECT_EQ(find_model(".").name, "my-model");
}

TEST_F(ModelPathTest, FindsANameInSdModelsUnlessThereIsAFolderHere) {
  EXPECT_EQ(find_model("tiny").folder, folder_ / "models/tiny");
  make_model("tiny");
  EXPECT_EQ(find_model("tiny").folder, "tiny");
}

TEST_F(ModelPathTest, FindsASnapshotInTheHubCache) {
  set_variable("HF_HUB_CACHE", (folder_ / "hub").string());
  const fs::path stored = folder_ / "hub/models--some--model";
  make_model(stored / "snapshots/0123abcd");
  fs::create_directories(stored / "refs");
  write_file(stored / "refs/main", "0123abcd");
  EXPECT_EQ(find_model("some/model").folder, stored / "snapshots/0123abcd");
  EXPECT_EQ(find_model("some/model").name, "some/model");
  EXPECT_THAT(error_of("some/other"), AllOf(HasSubstr("some/other/model_index.json"),
                                            HasSubstr((folder_ / "hub").string())));
  write_file(stored / "refs/main", "ffff");
  EXPECT_THAT(error_of("some/model"), HasSubstr("is not whole"));
  write_file(stored / "refs/main", "../../../models/tiny");
  EXPECT_THAT(error_of("some/model"), HasSubstr("is not whole"));
}

TEST_F(ModelPathTest, FindsFoldersInTencentsLayoutEverywhere) {
  const auto make = [](const fs::path& folder) {
    fs::create_directories(folder / "t2i/mt5");
    fs::create_directories(folder / "t2i/model");
  };
  make("ckpts");
  EXPECT_EQ(find_model("ckpts").folder, "ckpts");
  EXPECT_EQ(find_model("ckpts/t2i").folder, "ckpts/t2i");
  make(folder_ / "models/hunyuan");
  EXPECT_EQ(find_model("hunyuan").folder, folder_ / "models/hunyuan");
  EXPECT_THAT(known_models(), ::testing::Contains("hunyuan"));
  set_variable("HF_HUB_CACHE", (folder_ / "hub").string());
  const fs::path stored = folder_ / "hub/models--Tencent-Hunyuan--HunyuanDiT-v1.2";
  make(stored / "snapshots/1");
  fs::create_directories(stored / "refs");
  write_file(stored / "refs/main", "1");
  EXPECT_EQ(find_model("Tencent-Hunyuan/HunyuanDiT-v1.2").folder, stored / "snapshots/1");
  fs::remove(folder_ / "models/hunyuan/t2i/mt5");
  EXPECT_THAT(error_of("hunyuan"), HasSubstr("no model 'hunyuan'"));
}

TEST_F(ModelPathTest, FindsTheHubCacheAsHuggingfaceHubDoes) {
  const auto store = [&](const fs::path& cache, const std::string& name) {
    const fs::path stored = cache / ("models--org--" + name);
    make_model(stored / "snapshots/1");
    fs::create_directories(stored / "refs");
    write_file(stored / "refs/main", "1\n");
  };
  store(folder_ / "home/.cache/huggingface/hub", "a");
  store(folder_ / "xdg/huggingface/hub", "b");
  store(folder_ / "hf/hub", "c");
  store(folder_ / "hub", "d");
  unset_variable("XDG_CACHE_HOME");
  set_variable("HOME", (folder_ / "home").string());
  EXPECT_EQ(find_model("org/a").name, "org/a");
  set_variable("XDG_CACHE_HOME", (folder_ / "xdg").string());
  EXPECT_EQ(find_model("org/b").name, "org/b");
  set_variable("HF_HOME", (folder_ / "hf").string());
  EXPECT_EQ(find_model("org/c").name, "org/c");
  set_variable("HF_HUB_CACHE", (folder_ / "hub").string());
  EXPECT_EQ(find_model("org/d").name, "org/d");
  EXPECT_THAT(error_of("org/a"), HasSubstr("no model 'org/a'"));
}

TEST_F(ModelPathTest, SaysWhatItLookedFor) {
  EXPECT_THAT(error_of("nothing"),
              AllOf(HasSubstr("no model 'nothing'"), HasSubstr("nothing/model_index.json"),
                    HasSubstr((folder_ / "models").string())));
  EXPECT_THAT(error_of("/no/such/folder"), HasSubstr("/no/such/folder/model_index.json"));
  fs::create_directory("empty");
  EXPECT_THAT(error_of("empty"), HasSubstr("the folder empty holds no model_index.json"));
  write_file("v1.safetensors", "x");
  EXPECT_THAT(
      error_of("v1.safetensors"),
      HasSubstr("v1.safetensors is a single file, and sd reads models in diffusers layout"));
}

}  // namespace
}  // namespace sd::testing
