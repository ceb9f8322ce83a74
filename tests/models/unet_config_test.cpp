#include "models/unet/unet_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/check.h"

namespace sd {
namespace {

using ::testing::HasSubstr;

UNetConfig config_of(const std::string& network) {
  return read_unet_config(std::filesystem::path(SD_TEST_DATA) / "unet" / (network + ".json"));
}

std::string config_error(const std::string& json) {
  try {
    read_unet_config(ConfigReader::from_text(json, "config.json"));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kModel);
    return error.what();
  }
  return "no error";
}

TEST(UNetConfig, AnEmptyFileMeansTheDefaultsOfTheClass) {
  const UNetConfig c = read_unet_config(ConfigReader::from_text("{}", "config.json"));
  ASSERT_EQ(c.down.size(), 4);
  EXPECT_EQ(c.down[3].channels, 1280);
  EXPECT_EQ(c.down[3].type, UNetBlockType::kPlain);
  EXPECT_EQ(c.up[0].type, UNetBlockType::kPlain);
  EXPECT_EQ(c.up[3].type, UNetBlockType::kCrossAttention);
  EXPECT_EQ(c.up[3].layers, 3);
  EXPECT_EQ(c.down[0].heads, 8);
  EXPECT_EQ(c.down[0].text_width, 1280);
  EXPECT_EQ(c.mid_type, UNetMidType::kCrossAttention);
  EXPECT_EQ(c.norm_groups, 32);
  EXPECT_EQ(c.time_embedding_width, 1280);
  EXPECT_FALSE(c.sample_height);
}

TEST(UNetConfig, ReadsWhatAPipelineAsks) {
  EXPECT_EQ(config_of("sd1").sample_height, 8);
  EXPECT_EQ(config_of("uneven").sample_height, 8);
  EXPECT_EQ(config_of("uneven").sample_width, 6);
  EXPECT_EQ(config_of("sd1").diffusers_version, "0.39.0");
  EXPECT_EQ(config_of("inpaint").in_channels, 9);
}

TEST(UNetConfig, WhatIsNotSupportedIsNamed) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"some_new_key": 3})", "unknown key 'some_new_key' = 3"},
      {R"({"_class_name": "UNet3DConditionModel"})", "found UNet3DConditionModel"},
      {R"({"down_block_types": ["KDownBlock2D", "DownBlock2D", "DownBlock2D", "DownBlock2D"]})",
       "'KDownBlock2D' is not supported"},
      {R"({"mid_block_type": "UNetMidBlock2DSimpleCrossAttn"})",
       "'UNetMidBlock2DSimpleCrossAttn' is not supported"},
      {R"({"attention_type": "gated"})", "'attention_type' should be 'default', 'gated'"},
      {R"({"addition_embed_type": "image_hint"})", "'image_hint' is not supported"},
      {R"({"encoder_hid_dim": 4, "encoder_hid_dim_type": "image_proj"})",
       "'image_proj' is not supported"},
      {R"({"class_embed_type": "other"})", "'other' is not supported"},
      {R"({"class_embed_type": "projection"})", "'projection_class_embeddings_input_dim' should"},
      {R"({"dual_cross_attention": true})", "'dual_cross_attention' should be false"},
      {R"({"norm_num_groups": null})", "'norm_num_groups' should be a number"},
      {R"({"num_attention_heads": 8})", "'num_attention_heads' should be null"},
      {R"({"block_out_channels": [320, 640]})", "found 2, 4 and 4"},
      {R"({"norm_num_groups": 7})", "multiples of 'norm_num_groups' = 7, found 320"},
      {R"({"attention_head_dim": 7})", "found 7 heads for 320 channels"},
      {R"({"transformer_layers_per_block": [[1, 1], 1, 1, 1]})",
       "'reverse_transformer_layers_per_block' should be given"},
      {R"({"transformer_layers_per_block": [1, 1]})", "should have 4 entries, found 2"},
      {R"({"act_fn": "tanh"})", "'act_fn': unknown activation 'tanh'"},
      {R"({"time_embedding_type": "fourier", "time_embedding_dim": 7})", "found 7"},
      {R"({"class_embeddings_concat": true})", "'class_embeddings_concat' should go with"},
  };
  for (const auto& [json, message] : cases) {
    EXPECT_THAT(config_error(json), HasSubstr(message)) << json;
  }
}

}  // namespace
}  // namespace sd
