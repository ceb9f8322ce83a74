#include "models/hunyuan_dit/hunyuan_dit_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "tests/support/bad_config.h"

namespace sd {
namespace {

/// What every config has to say.
const std::string kLeast = R"("patch_size": 2, "in_channels": 4, "hidden_size": 1408)";

HunyuanDitConfig read(const std::string& keys) {
  return read_hunyuan_dit_config(ConfigReader::from_text("{" + keys + "}", "config.json"));
}

TEST(HunyuanDitConfig, DefaultsAreThoseOfDiffusers) {
  const HunyuanDitConfig c = read(kLeast);
  EXPECT_EQ(c.sample_size, 32);
  EXPECT_EQ(c.layers, 28);
  EXPECT_EQ(c.heads, 16);
  EXPECT_EQ(c.width(), 1408);
  EXPECT_EQ(c.inner_width(), 4 * 1408);
  EXPECT_EQ(c.out_channels(), 8);
  EXPECT_EQ(c.text_width, 1024);
  EXPECT_EQ(c.t5_width, 2048);
  EXPECT_EQ(c.pooled_width, 1024);
  EXPECT_EQ(c.text_length, 77);
  EXPECT_EQ(c.t5_length, 256);
  EXPECT_EQ(c.meta, PictureMeta::kSizesAndStyle);
}

/// The keys that the folders of 1.0, 1.1 and 1.2 have in common.
const std::string kReleased = R"("_class_name": "HunyuanDiT2DModel",
    "_diffusers_version": "0.29.0.dev0", "activation_fn": "gelu-approximate",
    "attention_head_dim": 88, "cross_attention_dim": 1024, "cross_attention_dim_t5": 2048,
    "hidden_size": 1408, "in_channels": 4, "learn_sigma": true, "mlp_ratio": 4.3637,
    "norm_type": "layer_norm", "num_attention_heads": 16, "num_layers": 40, "patch_size": 2,
    "pooled_projection_dim": 1024, "sample_size": 128, "text_len": 77, "text_len_t5": 256)";

TEST(HunyuanDitConfig, ReadsVersions10And11) {
  const HunyuanDitConfig c = read(kReleased);
  EXPECT_EQ(c.sample_size, 128);
  EXPECT_EQ(c.layers, 40);
  EXPECT_EQ(c.inner_width(), 6144);
  EXPECT_EQ(c.all_text_length(), 333);
  EXPECT_EQ(c.meta, PictureMeta::kSizesAndStyle);
}

TEST(HunyuanDitConfig, ReadsVersion12) {
  EXPECT_EQ(read(kReleased + R"(, "use_style_cond_and_image_meta_size": false)").meta,
            PictureMeta::kNone);
}

TEST(HunyuanDitConfig, WithoutLearnedVarianceAsManyChannelsComeOut) {
  EXPECT_EQ(read(kLeast + R"(, "learn_sigma": false)").out_channels(), 4);
}

class HunyuanDitBadConfig : public ::testing::TestWithParam<BadConfig> {};

TEST_P(HunyuanDitBadConfig, IsRefusedInOneSentence) {
  expect_refused(GetParam(), [](ConfigReader r) { read_hunyuan_dit_config(std::move(r)); });
}

BadConfig with(const std::string& keys, const std::string& message) {
  return {"{" + kLeast + ", " + keys + "}", message};
}

INSTANTIATE_TEST_SUITE_P(
    Configs, HunyuanDitBadConfig,
    ::testing::Values(
        with(R"("_class_name": "SD3Transformer2DModel")",
             "should be HunyuanDiT2DModel, found SD3Transformer2DModel"),
        with(R"("activation_fn": "geglu")",
             "'activation_fn' should be 'gelu-approximate', 'geglu' is not supported"),
        with(R"("num_layers": 5)", "'num_layers' should be even"),
        with(R"("num_layers": 0)", "'num_layers'"),
        with(R"("num_attention_heads": 15)",
             "'hidden_size' should be num_attention_heads x attention_head_dim, 1320, found 1408"),
        with(R"("num_attention_heads": 704, "attention_head_dim": 2)",
             "'attention_head_dim' should be a multiple of 4, found 2"),
        with(R"("cross_attention_dim_t5": 20)",
             "'cross_attention_dim_t5' should be a multiple of 8, found 20"),
        with(R"("mlp_ratio": 0)", "'mlp_ratio'"), with(R"("text_len": "77")", "'text_len'"),
        with(R"("pos_embed_max_size": 96)", "pos_embed_max_size"),
        BadConfig{R"({"in_channels": 4})", "'patch_size' should be a number, it is missing"},
        BadConfig{R"({"patch_size": 2, "in_channels": null})",
                  "'in_channels' should be a number, it is missing"},
        BadConfig{R"({"patch_size": 2, "in_channels": 4})", "1408, found 1152"}));

}  // namespace
}  // namespace sd
