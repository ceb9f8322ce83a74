#include "models/sd3/sd3_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "tests/support/errors.h"

namespace sd {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

Sd3Config read(const std::string& keys) {
  return read_sd3_config(ConfigReader::from_text("{" + keys + "}", "config.json"));
}

std::string error_of_config(const std::string& keys) {
  return error_of([&] { read(keys); });
}

TEST(Sd3Config, DefaultsAreThoseOfDiffusers) {
  const Sd3Config c = read("");
  EXPECT_EQ(c.sample_size, 128);
  EXPECT_EQ(c.patch_size, 2);
  EXPECT_EQ(c.in_channels, 16);
  EXPECT_EQ(c.out_channels, 16);
  EXPECT_EQ(c.layers, 18);
  EXPECT_EQ(c.width(), 1152);
  EXPECT_EQ(c.text_width, 4096);
  EXPECT_EQ(c.pooled_width, 2048);
  EXPECT_EQ(c.max_patches, 96);
  EXPECT_EQ(c.qk_norm, QkNorm::kNone);
  EXPECT_THAT(c.dual_layers, IsEmpty());
}

// The config.json files of the released models, as their folders on the Hugging Face hub have them.

TEST(Sd3Config, ReadsSd3Medium) {
  const Sd3Config c = read(R"("_class_name": "SD3Transformer2DModel",
    "_diffusers_version": "0.29.0.dev0", "attention_head_dim": 64, "caption_projection_dim": 1536,
    "in_channels": 16, "joint_attention_dim": 4096, "num_attention_heads": 24, "num_layers": 24,
    "out_channels": 16, "patch_size": 2, "pooled_projection_dim": 2048, "pos_embed_max_size": 192,
    "sample_size": 128)");
  EXPECT_EQ(c.width(), 1536);
  EXPECT_EQ(c.layers, 24);
  EXPECT_EQ(c.max_patches, 192);
  EXPECT_EQ(c.qk_norm, QkNorm::kNone);
}

TEST(Sd3Config, ReadsSd35Medium) {
  const Sd3Config c = read(R"("_class_name": "SD3Transformer2DModel",
    "_diffusers_version": "0.31.0.dev0", "attention_head_dim": 64, "caption_projection_dim": 1536,
    "dual_attention_layers": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], "in_channels": 16,
    "joint_attention_dim": 4096, "num_attention_heads": 24, "num_layers": 24, "out_channels": 16,
    "patch_size": 2, "pooled_projection_dim": 2048, "pos_embed_max_size": 384,
    "qk_norm": "rms_norm", "sample_size": 128)");
  EXPECT_EQ(c.max_patches, 384);
  EXPECT_EQ(c.qk_norm, QkNorm::kRms);
  EXPECT_EQ(c.dual_layers.size(), 13);
  EXPECT_TRUE(c.dual_layers.contains(12));
}

TEST(Sd3Config, ReadsSd35LargeAndTurbo) {
  const Sd3Config c = read(R"("_class_name": "SD3Transformer2DModel",
    "_diffusers_version": "0.31.0.dev0", "attention_head_dim": 64, "caption_projection_dim": 2432,
    "dual_attention_layers": [], "in_channels": 16, "joint_attention_dim": 4096,
    "num_attention_heads": 38, "num_layers": 38, "out_channels": 16, "patch_size": 2,
    "pooled_projection_dim": 2048, "pos_embed_max_size": 192, "qk_norm": "rms_norm",
    "sample_size": 128)");
  EXPECT_EQ(c.width(), 2432);
  EXPECT_EQ(c.layers, 38);
  EXPECT_THAT(c.dual_layers, IsEmpty());
}

TEST(Sd3Config, NoOutChannelsMeansAsManyAsGoIn) {
  EXPECT_EQ(read(R"("in_channels": 4, "out_channels": null)").out_channels, 4);
  EXPECT_EQ(read(R"("in_channels": 4)").out_channels, 16);
}

TEST(Sd3Config, WhatIsNotSupportedIsNamed) {
  EXPECT_THAT(error_of_config(R"("_class_name": "FluxTransformer2DModel")"),
              HasSubstr("should be SD3Transformer2DModel, found FluxTransformer2DModel"));
  EXPECT_THAT(error_of_config(R"("qk_norm": "layer_norm")"),
              HasSubstr("'qk_norm' should be null or 'rms_norm', 'layer_norm' is not supported"));
  EXPECT_THAT(error_of_config(R"("num_layers": 3, "dual_attention_layers": [0, 3])"),
              HasSubstr("should hold numbers below 'num_layers' 3, found 3"));
  EXPECT_THAT(error_of_config(R"("caption_projection_dim": 1000)"),
              HasSubstr("'caption_projection_dim' should be num_attention_heads x "
                        "attention_head_dim, 1152, found 1000"));
  EXPECT_THAT(error_of_config(R"("num_attention_heads": 1, "attention_head_dim": 6,
                                 "caption_projection_dim": 6)"),
              HasSubstr("a multiple of 4, found 6"));
  EXPECT_THAT(error_of_config(R"("pos_embed_max_size": null)"),
              HasSubstr("'pos_embed_max_size' should be a number, null is not supported"));
  EXPECT_THAT(error_of_config(R"("use_rope": true)"), HasSubstr("use_rope"));
  EXPECT_THAT(error_of_config(R"("num_layers": 0)"), HasSubstr("'num_layers'"));
}

}  // namespace
}  // namespace sd
