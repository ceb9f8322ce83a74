// `sd info` of models, and the hash of a model's weights in its pictures.

#include "cli/model_info.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <span>

#include "io/atomic_file.h"
#include "io/infotext.h"
#include "io/model_hash.h"
#include "io/png.h"
#include "io/safetensors_writer.h"
#include "tests/cli/cli_fixture.h"

namespace sd::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

/// A folder with a UNet of 2x3 halves and a text encoder with a buffer.
class ModelInfoTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    set_variable("XDG_CACHE_HOME", folder_ / "models/cache");
    fs::create_directories(model() / "scheduler");
    write_file(model() / "model_index.json", R"({"_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.39.0",
        "feature_extractor": ["transformers", "CLIPImageProcessor"],
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "unet": ["diffusers", "UNet2DConditionModel"], "vae": [null, null]})");
    write_file(model() / "scheduler/scheduler_config.json",
               R"({"_class_name": "DDIMScheduler", "prediction_type": "v_prediction"})");
    write_weights("unet/diffusion_pytorch_model.safetensors", {{"w", "F16", {2, 3}}});
    write_weights("text_encoder/model.safetensors",
                  {{"p", "F32", {5}}, {"position_ids", "I64", {7}}});
    write_weights("text_encoder/model.fp16.safetensors", {{"p", "F16", {5}}});
    write_weights("safety_checker/model.safetensors", {{"x", "BF16", {4}}});
  }

  fs::path model() const { return folder_ / "models/known"; }

  struct Tensor {
    std::string name;
    std::string dtype;
    std::vector<int64_t> shape;
  };

  void write_weights(const std::string& file, const std::vector<Tensor>& tensors) const {
    static const std::vector<std::byte> kZeros(256);
    const std::map<std::string, size_t> sizes = {{"F16", 2}, {"BF16", 2}, {"F32", 4}, {"I64", 8}};
    std::map<std::string, TensorBytes> all;
    for (const Tensor& tensor : tensors) {
      size_t bytes = sizes.at(tensor.dtype);
      for (const int64_t side : tensor.shape) bytes *= static_cast<size_t>(side);
      all[tensor.name] = {tensor.dtype, tensor.shape, std::span(kZeros).first(bytes)};
    }
    fs::create_directories((model() / file).parent_path());
    write_safetensors(model() / file, all, {}, OnExist::kOverwrite);
  }
};

TEST_F(ModelInfoTest, TellsWhatAModelIsMadeOf) {
  const Outcome outcome = sd({"info", model().string()});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out,
              HasSubstr("Stable Diffusion 1 or 2 (StableDiffusionPipeline), written by "
                        "diffusers 0.39.0\n"));
  EXPECT_THAT(outcome.out, HasSubstr("scheduler: DDIMScheduler, prediction type: v_prediction\n"));
  EXPECT_THAT(outcome.out, HasSubstr("unet: UNet2DConditionModel, 0.00 M parameters, F16, "));
  EXPECT_THAT(outcome.out, HasSubstr("in model.safetensors; also there: fp16\n"));
  const size_t left_out = outcome.out.find("not loaded:\n");
  ASSERT_NE(left_out, std::string::npos);
  EXPECT_THAT(outcome.out.substr(left_out), HasSubstr("feature_extractor: CLIPImageProcessor\n"));
  EXPECT_THAT(outcome.out.substr(left_out), HasSubstr("safety_checker: Stable"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("vae"))) << "the folder leaves it out";
  EXPECT_THAT(outcome.out, Not(HasSubstr("hash")));
}

TEST_F(ModelInfoTest, TellsItToPrograms) {
  const auto object = nlohmann::json::parse(sd({"info", "--json", model().string()}).out);
  std::set<std::string> documented;
  for (const HelpRow& row : model_info_keys()) documented.emplace(row.term);
  std::set<std::string> printed;
  for (const auto& [key, value] : object.items()) printed.insert(key);
  EXPECT_EQ(printed, documented);
  EXPECT_EQ(object["family"], "Stable Diffusion 1 or 2");
  EXPECT_EQ(object["prediction_type"], "v_prediction");
  EXPECT_TRUE(object["hash"].is_null());
  const auto& text = object["components"][3];
  EXPECT_EQ(text["name"], "text_encoder");
  EXPECT_EQ(text["parameters"], 5) << "a buffer of integers is no parameter";
  EXPECT_EQ(text["dtypes"], nlohmann::json::parse(R"({"F32": 5, "I64": 7})"));
  EXPECT_EQ(text["variants"], nlohmann::json::parse(R"(["fp16"])"));
  EXPECT_EQ(text["files"], nlohmann::json::parse(R"(["model.safetensors"])"));
  EXPECT_EQ(object["components"][1]["loaded"], false);
}

TEST_F(ModelInfoTest, LooksAtTheVariantThatWasAskedFor) {
  const auto object =
      nlohmann::json::parse(sd({"info", "--json", "--variant", "fp16", model().string()}).out);
  EXPECT_EQ(object["components"][3]["files"],
            nlohmann::json::parse(R"(["model.fp16.safetensors"])"));
  const Outcome outcome = sd({"info", "--variant", "fp8", model().string()});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("'fp8'"));
}

TEST_F(ModelInfoTest, FindsModelsByName) {
  set_variable("SD_MODELS", folder_ / "models");
  EXPECT_THAT(sd({"info", "known"}).out, HasSubstr("Stable Diffusion 1 or 2"));
}

TEST_F(ModelInfoTest, TellsOfAModelThatItCannotPaintWith) {
  write_file(model() / "model_index.json", R"({"_class_name": "FluxPipeline"})");
  const Outcome outcome = sd({"info", model().string()});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("FluxPipeline, which sd does not know"));
}

TEST_F(ModelInfoTest, NamesWhatIsBroken) {
  write_file(model() / "unet/diffusion_pytorch_model.safetensors", "<html>");
  const Outcome outcome = sd({"info", model().string()});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("unet/diffusion_pytorch_model.safetensors"));
  const Outcome empty = sd({"info", (folder_ / "models").string()});
  EXPECT_EQ(empty.code, 3);
  EXPECT_THAT(empty.err, HasSubstr("model_index.json"));
}

TEST_F(ModelInfoTest, MakesTheHashWhenToldAndRemembersIt) {
  const auto hash = hash_files({model() / "unet/diffusion_pytorch_model.safetensors"}).value();
  EXPECT_THAT(sd({"info", "--hash", model().string()}).out, HasSubstr("hash: " + hash + "\n"));
  EXPECT_THAT(sd({"info", model().string()}).out, HasSubstr("hash: " + hash + "\n"));
}

TEST_F(ModelInfoTest, PicturesCarryTheHash) {
  const auto hash = hash_files({model() / "unet/diffusion_pytorch_model.safetensors"}).value();
  engine_.on_paint = [&](const std::vector<Request>&, Observer& observer) {
    observer.on_progress(Phase::kDenoise, 0, 2);
    EXPECT_FALSE(fs::exists(folder_ / "models/cache/sd/hashes")) << "not before the first step";
    observer.on_progress(Phase::kDenoise, 1, 2);
  };
  const Outcome outcome =
      sd({"txt2img", "-m", model().string(), "-p", "x", "--json", "-o", "a.png"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const Infotext text = parse_infotext(read_png_text("a.png").at("parameters"));
  EXPECT_EQ(text.field("Model hash"), hash.substr(0, 10));
  EXPECT_EQ(nlohmann::json::parse(outcome.out)["model_hash"], hash);
  EXPECT_TRUE(fs::exists(folder_ / "models/cache/sd/hashes"));
}

}  // namespace
}  // namespace sd::testing
