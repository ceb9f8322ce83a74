#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diffusion/registry.h"
#include "tests/models/tiny_model.h"
#include "tests/support/errors.h"
#include "tests/support/unprivileged.h"

namespace sd {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

class StableDiffusionFolder : public ::testing::Test, public Observer {
 protected:
  void on_warning(const std::string& sentence) override { warnings_.push_back(sentence); }

  std::unique_ptr<Family> load(const std::string& variant = "") {
    return model_.load(*this, variant);
  }
  std::string error_of_load(const std::string& variant = "") {
    return error_of([&] { load(variant); });
  }
  /// The model's own scheduler is made, or its class refused.
  std::string error_of_scheduler() {
    return error_of([&] { make_scheduler(load()->scheduler_config()); });
  }
  std::string at(const std::string& file) const { return (model_ / file).string(); }

  testing::TinyModel model_;
  std::vector<std::string> warnings_;
};

TEST_F(StableDiffusionFolder, LoadsWithoutAWarning) {
  EXPECT_EQ(load()->defaults().width, 16);
  EXPECT_EQ(load()->scheduler_config().class_name(), "PNDMScheduler");
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(StableDiffusionFolder, TheSchedulerIsOfTheClassThatModelIndexNames) {
  model_.change("scheduler/scheduler_config.json", {{"_class_name", "DDIMScheduler"}});
  EXPECT_EQ(load()->scheduler_config().class_name(), "PNDMScheduler");
  ASSERT_EQ(warnings_.size(), 1);
  EXPECT_THAT(warnings_[0],
              AllOf(StartsWith(at("scheduler/scheduler_config.json")), HasSubstr("DDIMScheduler"),
                    HasSubstr(at("model_index.json")), HasSubstr("PNDMScheduler")));
}

TEST_F(StableDiffusionFolder, ASchedulerConfigNeedNotNameItsClass) {
  model_.change("scheduler/scheduler_config.json", {{"_class_name", nullptr}});
  EXPECT_EQ(load()->scheduler_config().class_name(), "PNDMScheduler");
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(StableDiffusionFolder, AnUnknownSchedulerIsReportedWhereItIsNamed) {
  model_.change("model_index.json", {{"scheduler", {"diffusers", "LMSDiscreteScheduler"}}});
  EXPECT_THAT(error_of_scheduler(),
              AllOf(StartsWith(at("model_index.json")), HasSubstr("'LMSDiscreteScheduler'")));
}

TEST_F(StableDiffusionFolder, AMissingSchedulerFolderIsAFolder) {
  fs::remove_all(model_ / "scheduler");
  EXPECT_THAT(error_of_load(),
              AllOf(StartsWith(at("scheduler") + ": "), HasSubstr("the folder is missing")));
  model_.change("model_index.json", {{"scheduler", nullptr}});
  EXPECT_THAT(error_of_load(),
              AllOf(StartsWith(at("model_index.json")), HasSubstr("'scheduler' is missing")));
}

TEST_F(StableDiffusionFolder, AFileOrALockedFolderInPlaceOfAComponentIsNamed) {
  fs::remove_all(model_ / "tokenizer");
  model_.write("tokenizer", "x");
  EXPECT_THAT(error_of_load(), HasSubstr("tokenizer: expected a folder, found a file"));
  fs::permissions(model_.path(), fs::perms::all);
  fs::permissions(model_ / "unet", fs::perms::none);
  const Unprivileged nobody;
  EXPECT_THAT(error_of_load(), HasSubstr("unet: the folder cannot be opened: Permission denied"));
}

TEST_F(StableDiffusionFolder, WhatOnlyOtherFamiliesHaveIsRefused) {
  const auto refusal = [&](const std::function<void(Request&)>& change) {
    Request request;
    change(request);
    return error_of([&] { load()->check(request); }, ErrorKind::kUsage);
  };
  EXPECT_NO_THROW(load()->check({}));
  EXPECT_EQ(refusal([](Request& request) { request.prompt_2 = "a"; }),
            "--prompt-2: this model has one text encoder");
  EXPECT_EQ(refusal([](Request& request) { request.negative_prompt_3 = "a"; }),
            "--negative-prompt-3: this model has one text encoder");
  EXPECT_EQ(refusal([](Request& request) { request.max_sequence_length = 77; }),
            "--max-sequence-length: this model has no T5 text encoder");
  EXPECT_EQ(refusal([](Request& request) { request.skip_layers.layers = {7}; }),
            "--skip-layers: this model has no skip-layer guidance");
  const auto refused_load = [&](const LoadOptions& options) {
    return error_of([&] { model_.load(*this, "", options); }, ErrorKind::kUsage);
  };
  LoadOptions no_t5;
  no_t5.no_t5 = true;
  EXPECT_EQ(refused_load(no_t5), "--no-t5: this model has no T5 text encoder");
  LoadOptions t5_dtype;
  t5_dtype.t5_dtype = "bf16";
  EXPECT_EQ(refused_load(t5_dtype), "--t5-dtype: this model has no T5 text encoder");
}

TEST_F(StableDiffusionFolder, AnIdBeyondTheTextEncodersVocabularyIsNamed) {
  model_.change("text_encoder/config.json", {{"vocab_size", 7}});
  EXPECT_THAT(error_of_load(),
              AllOf(StartsWith(at("tokenizer/vocab.json")), HasSubstr("'vocab_size' 7"),
                    HasSubstr(at("text_encoder/config.json")), EndsWith("the largest is 7")));
}

/// diffusers paints with such folders, too, as long as no prompt names the token.
TEST_F(StableDiffusionFolder, AnAddedTokenThatNoPromptNamesMayLieBeyond) {
  model_.write("tokenizer/added_tokens.json", R"({"<new>": 8})");
  EXPECT_NO_THROW(load());
}

TEST_F(StableDiffusionFolder, NetworksThatDoNotFitTogetherAreRefused) {
  const std::vector<std::tuple<std::string, nlohmann::json, std::string>> cases = {
      {"unet/config.json", {{"in_channels", 9}}, "(an inpainting model)"},
      {"unet/config.json", {{"out_channels", 5}}, "'out_channels' should be the 4"},
      {"unet/config.json", {{"cross_attention_dim", 8}}, "'hidden_size' 6"},
      {"unet/config.json", {{"sample_size", 2048}}, ""},
      {"vae/config.json", {{"out_channels", 4}}, "should be 3, found 3 and 4"},
  };
  for (const auto& [file, keys, message] : cases) {
    const std::string good = read_text(model_ / file);
    model_.change(file, keys);
    if (message.empty()) {
      EXPECT_NO_THROW(load());
    } else {
      EXPECT_THAT(error_of_load(), AllOf(StartsWith(at(file)), HasSubstr(message)));
    }
    model_.write(file, good);
  }
}

TEST_F(StableDiffusionFolder, ASampleSizeOfNoPictureIsRefused) {
  model_.change("unet/config.json", {{"sample_size", 2048}});
  model_.change("vae/config.json",
                {{"block_out_channels", {4, 4, 4, 4, 4}},
                 {"down_block_types", std::vector<std::string>(5, "DownEncoderBlock2D")},
                 {"up_block_types", std::vector<std::string>(5, "UpDecoderBlock2D")}});
  EXPECT_THAT(error_of_load(),
              AllOf(StartsWith(at("unet/config.json")),
                    HasSubstr("'sample_size' should be at most 1024"), EndsWith("found 2048")));
}

TEST_F(StableDiffusionFolder, AVariantThatNoComponentHasIsRefused) {
  EXPECT_THAT(error_of_load("nonsense"),
              AllOf(StartsWith(model_.path().string()), HasSubstr("'nonsense'"),
                    EndsWith("found plain ones alone")));
  model_.write_weights("vae/diffusion_pytorch_model.fp16.safetensors", {1});
  model_.write_weights("unet/diffusion_pytorch_model.non_ema.safetensors", {1});
  EXPECT_THAT(error_of_load("nonsense"), EndsWith("found 'fp16', 'non_ema'"));
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(StableDiffusionFolder, AVariantThatSomeComponentsHaveIsAWarningForEachOther) {
  model_.write_weights("vae/diffusion_pytorch_model.fp16.safetensors", {1});
  load("fp16");
  EXPECT_THAT(
      warnings_,
      UnorderedElementsAre(HasSubstr(at("text_encoder") + " has no weights of the variant 'fp16'"),
                           HasSubstr(at("unet") + " has no weights of the variant 'fp16'")));
}

TEST_F(StableDiffusionFolder, AFolderInPlaceOfTheWeightsIsNamed) {
  fs::remove(model_ / testing::TinyModel::kUNet);
  fs::create_directory(model_ / testing::TinyModel::kUNet);
  EXPECT_THAT(error_of([&] { load()->denoiser(); }),
              AllOf(StartsWith(at(testing::TinyModel::kUNet)),
                    HasSubstr("expected a file, found a folder")));
}

TEST_F(StableDiffusionFolder, TheFirstWeightThatIsNotFiniteIsNamed) {
  const auto family = load();
  EXPECT_EQ(family->find_broken_weight(), std::nullopt);
  for (const std::string file :
       {testing::TinyModel::kText, testing::TinyModel::kUNet, testing::TinyModel::kVae}) {
    model_.write_weights(file, {1, NAN});
    EXPECT_EQ(family->find_broken_weight(), at(file) + ": tensor 'w' holds NaN");
    model_.write_weights(file, {1, 2});
  }
}

}  // namespace
}  // namespace sd
