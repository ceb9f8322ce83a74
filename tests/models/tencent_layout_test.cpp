// HunyuanDiT folders in Tencent's own layout: what is recognised, and what its files are taken for.

#include "models/hunyuan_dit/tencent_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <span>

#include "io/safetensors_writer.h"
#include "models/hunyuan_dit/hunyuan_dit_files.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace sd {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A download whose pickles were converted; tensors are zeros.
class TencentLayout : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* file :
         {"clip_text_encoder/config.json", "clip_text_encoder/model.safetensors",
          "tokenizer/vocab.txt", "mt5/config.json", "mt5/model.safetensors", "mt5/spiece.model",
          "sdxl-vae-fp16-fix/config.json", "sdxl-vae-fp16-fix/diffusion_pytorch_model.safetensors",
          "model/README.md"}) {
      folder_.write(std::string("t2i/") + file, "{}");
    }
  }

  void write_transformer(const std::string& name,
                         const std::map<std::string, std::vector<int64_t>>& shapes) {
    static const std::vector<std::byte> kZeros(1 << 16);
    std::map<std::string, TensorBytes> tensors;
    for (const auto& [key, shape] : shapes) {
      size_t bytes = 2;
      for (const int64_t side : shape) bytes *= static_cast<size_t>(side);
      tensors[key] = {"F16", shape, std::span(kZeros).first(bytes)};
    }
    write_safetensors(t2i() / "model" / ("pytorch_model_" + name + ".safetensors"), tensors, {},
                      OnExist::kOverwrite);
  }

  HunyuanDitFiles find(const std::string& variant = "") const {
    LoadOptions options;
    options.variant = variant;
    Observer observer;
    return find_hunyuan_dit_files(read_model_folder(folder_.path()), options, observer);
  }
  std::string error_of_find(const std::string& variant = "") const {
    return error_of([&] { find(variant); });
  }

  fs::path t2i() const { return folder_ / "t2i"; }

  static inline const std::vector<int64_t> kFirst = {1408, 4, 2, 2};  // of x_embedder.proj.weight
  TemporaryFolder folder_;
};

TEST_F(TencentLayout, IsRecognisedByItsFoldersFromThatAboveToo) {
  for (const fs::path& path : {folder_.path(), t2i()}) {
    EXPECT_TRUE(is_model_folder(path));
    const ModelFolder folder = read_model_folder(path);
    EXPECT_EQ(folder.layout, FolderLayout::kTencent);
    EXPECT_EQ(folder.path, t2i());
    EXPECT_EQ(folder.pipeline_class, "HunyuanDiTPipeline");
    EXPECT_EQ(folder.components.at("text_encoder"), "BertModel");
    EXPECT_EQ(folder.folder_of("text_encoder"), t2i() / "clip_text_encoder");
    EXPECT_EQ(folder.folder_of("tokenizer_2"), t2i() / "mt5");
  }
}

TEST_F(TencentLayout, AnIndexOfDiffusersGoesFirst) {
  folder_.write("model_index.json", R"({"_class_name": "P"})");
  EXPECT_EQ(read_model_folder(folder_.path()).layout, FolderLayout::kDiffusers);
}

TEST_F(TencentLayout, OneOfTheFoldersIsNotEnough) {
  for (const char* name : {"clip_text_encoder", "mt5", "sdxl-vae-fp16-fix", "model"}) {
    fs::remove_all(t2i() / name);
  }
  EXPECT_FALSE(is_model_folder(folder_.path()));
  EXPECT_THAT(error_of([&] { read_model_folder(t2i()); }), EndsWith("found a folder without it"));
}

TEST_F(TencentLayout, AMissingFolderIsNamed) {
  write_transformer("ema", {{"x_embedder.proj.weight", kFirst}});
  for (const char* name : {"clip_text_encoder", "tokenizer", "mt5", "sdxl-vae-fp16-fix", "model"}) {
    fs::rename(t2i() / name, folder_ / "away");
    EXPECT_THAT(error_of_find(),
                AllOf(StartsWith((t2i() / name).string() + ": the folder is missing"),
                      HasSubstr("Tencent")));
    fs::rename(folder_ / "away", t2i() / name);
  }
}

TEST_F(TencentLayout, TheWeightsAreThoseOfTheVariant) {
  for (const char* name : {"ema", "module", "distill", "merge"}) {
    write_transformer(name, {{"x_embedder.proj.weight", kFirst}});
  }
  const auto file_of = [&](const std::string& variant) {
    return find(variant).transformer.weights.at(0).filename().string();
  };
  EXPECT_EQ(file_of(""), "pytorch_model_ema.safetensors");
  for (const char* name : {"ema", "module", "distill", "merge"}) {
    EXPECT_EQ(file_of(name), "pytorch_model_" + std::string(name) + ".safetensors");
  }
  EXPECT_THAT(tencent_variants(read_model_folder(t2i())),
              ElementsAre("distill", "ema", "merge", "module"));
  fs::remove(t2i() / "model/pytorch_model_ema.safetensors");
  fs::remove(t2i() / "model/pytorch_model_merge.safetensors");
  EXPECT_THAT(error_of_find(), EndsWith("model: expected pytorch_model_ema.safetensors, found "
                                        "those of --variant distill, module"));
  EXPECT_THAT(error_of_find("fp16"), EndsWith("model: expected pytorch_model_fp16.safetensors, "
                                              "found those of --variant distill, module"));
  EXPECT_THAT(error_of([&] { check_variant(read_model_folder(t2i()), "fp16"); }),
              HasSubstr("expected pytorch_model_fp16.safetensors"));
}

TEST_F(TencentLayout, WithoutAnyWeightsThatIsSaid) {
  EXPECT_THAT(error_of_find(), EndsWith("found no safetensors of the transformer"));
}

TEST_F(TencentLayout, PicklesAloneAreRefusedWithWhatIsExpected) {
  folder_.write("t2i/model/pytorch_model_ema.pt", "PK\x03\x04");
  EXPECT_THAT(error_of_find(), AllOf(StartsWith((t2i() / "model/pytorch_model_ema.pt").string()),
                                     EndsWith("this is a pickle, which is not read; expected "
                                              "pytorch_model_ema.safetensors with the same keys")));
  write_transformer("ema", {{"x_embedder.proj.weight", kFirst}});
  EXPECT_EQ(find().transformer.weights.size(), 1) << "beside safetensors a pickle does no harm";

  struct Pickle {
    const char* folder;
    const char* pickle;
    const char* expected;
  };
  for (const Pickle& p : {Pickle{"clip_text_encoder", "pytorch_model.bin", "model.safetensors"},
                          Pickle{"mt5", "pytorch_model.bin", "model.safetensors"},
                          Pickle{"sdxl-vae-fp16-fix", "diffusion_pytorch_model.bin",
                                 "diffusion_pytorch_model.safetensors"}}) {
    const fs::path folder = t2i() / p.folder;
    fs::rename(folder / p.expected, folder / p.pickle);
    EXPECT_THAT(error_of_find(),
                AllOf(StartsWith((folder / p.pickle).string() + ": this is a pickle"),
                      EndsWith(std::string("expected ") + p.expected + " with the same keys")));
    fs::rename(folder / p.pickle, folder / p.expected);
  }
}

TEST_F(TencentLayout, WithoutAConfigTheTransformerIsTheReleasedOne) {
  for (const std::string prefix : {"", "module."}) {
    write_transformer("ema", {{prefix + "x_embedder.proj.weight", kFirst},
                              {prefix + "style_embedder.weight", {1, 1408}}});
    write_transformer("distill", {{prefix + "x_embedder.proj.weight", kFirst}});
    const HunyuanDitFiles v1_1 = find();
    EXPECT_EQ(v1_1.config.meta, PictureMeta::kSizesAndStyle);
    EXPECT_EQ(v1_1.scheduler.get_double("beta_end"), 0.03);
    const HunyuanDitFiles v1_2 = find("distill");
    EXPECT_EQ(v1_2.config.meta, PictureMeta::kNone);
    EXPECT_EQ(v1_2.scheduler.get_double("beta_end"), 0.018);
    for (const HunyuanDitFiles& files : {v1_1, v1_2}) {
      const HunyuanDitConfig& c = files.config;
      EXPECT_EQ(c.layers, 40);
      EXPECT_EQ(c.width(), 1408);
      EXPECT_EQ(c.heads, 16);
      EXPECT_EQ(c.inner_width(), 6144);
      EXPECT_EQ(c.out_channels(), 8);
      EXPECT_EQ(c.sample_size, 128);
      EXPECT_EQ(c.all_text_length(), 333);
      EXPECT_EQ(c.text_width, 1024);
      EXPECT_EQ(c.t5_width, 2048);
      EXPECT_EQ(c.pooled_width, 1024);
      EXPECT_EQ(files.scheduler.class_name(), "DDPMScheduler");
      EXPECT_EQ(files.scheduler.get_double("beta_start"), 0.00085);
      EXPECT_EQ(files.scheduler.get_string("beta_schedule"), "scaled_linear");
      EXPECT_EQ(files.scheduler.get_string("prediction_type"), "v_prediction");
      EXPECT_EQ(files.scheduler.get_string("timestep_spacing"), "leading");
      EXPECT_EQ(files.scheduler.get_int("steps_offset"), 1);
      EXPECT_FALSE(files.scheduler.get_bool("clip_sample"));
    }
  }
}

TEST_F(TencentLayout, AConfigBesideTheWeightsGoesFirst) {
  write_transformer("ema", {{"x_embedder.proj.weight", {1152, 4, 2, 2}}});
  EXPECT_THAT(error_of_find(),
              AllOf(HasSubstr("tensor 'x_embedder.proj.weight' should have the shape "
                              "[1408, 4, 2, 2] of DiT-g/2, it has [1152, 4, 2, 2]"),
                    HasSubstr("config.json")));
  folder_.write("t2i/model/config.json", R"({"patch_size": 2, "in_channels": 4, "num_layers": 28,
      "attention_head_dim": 72, "num_attention_heads": 16, "hidden_size": 1152,
      "use_style_cond_and_image_meta_size": true})");
  const HunyuanDitFiles files = find();
  EXPECT_EQ(files.config.layers, 28);
  EXPECT_EQ(files.config.width(), 1152);
  EXPECT_EQ(files.config.meta, PictureMeta::kSizesAndStyle) << "although the weights have no style";
  EXPECT_EQ(files.scheduler.get_double("beta_end"), 0.03);
  folder_.write("t2i/model/config.json", R"({"patch_size": 2, "in_channels": 4, "depth": 28})");
  EXPECT_THAT(error_of_find(), HasSubstr("model/config.json"));
}

TEST_F(TencentLayout, MessagesNameTheKeysOfTheFile) {
  write_transformer("ema", {{"module.x_embedder.proj.bias", {1408}}});
  EXPECT_THAT(error_of_find(), HasSubstr("pytorch_model_ema.safetensors: tensor "
                                         "'module.x_embedder.proj.weight' is missing"));
  write_transformer("ema",
                    {{"x_embedder.proj.weight", kFirst}, {"blocks.0.attn1.Wqkv.weight", {8, 8}}});
  EXPECT_THAT(error_of_find(), HasSubstr("tensor 'blocks.0.attn1.Wqkv.weight' should have a "
                                         "multiple of 3 rows, it has the shape [8, 8]"));
}

}  // namespace
}  // namespace sd
