#include "models/unet/unet_config.h"

#include <gtest/gtest.h>

#include "tests/support/bad_config.h"

namespace sd {
namespace {

UNetConfig config_of(const std::string& network) {
  return read_unet_config(std::filesystem::path(SD_TEST_DATA) / "unet" / (network + ".json"));
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

/// Released configs: SDXL's depths (0 where a level has no transformers), the refiner, SD 2, and
/// twice the numbers of the largest.
TEST(UNetConfig, LargeNetworksAreAdmitted) {
  for (const std::string json :
       {R"({"transformer_layers_per_block": [0, 2, 10, 1]})",
        R"({"sample_size": 256, "block_out_channels": [768, 1536, 3072, 3072],
            "attention_head_dim": [12, 24, 48, 48], "cross_attention_dim": 8192,
            "transformer_layers_per_block": 20, "layers_per_block": 6})"}) {
    EXPECT_NO_THROW(read_unet_config(ConfigReader::from_text(json, "config.json"))) << json;
  }
}

class BadUNetConfig : public ::testing::TestWithParam<BadConfig> {};

TEST_P(BadUNetConfig, IsRefusedByName) {
  expect_refused(GetParam(), [](ConfigReader r) { return read_unet_config(std::move(r)); });
}

INSTANTIATE_TEST_SUITE_P(
    NotSupported, BadUNetConfig,
    ::testing::Values(
        BadConfig{R"({"some_new_key": 3})", "unknown key 'some_new_key' = 3"},
        BadConfig{R"({"_class_name": "UNet3DConditionModel"})", "found UNet3DConditionModel"},
        BadConfig{
            R"({"down_block_types": ["KDownBlock2D", "DownBlock2D", "DownBlock2D", "DownBlock2D"]})",
            "'KDownBlock2D' is not supported"},
        BadConfig{R"({"mid_block_type": "UNetMidBlock2DSimpleCrossAttn"})",
                  "'UNetMidBlock2DSimpleCrossAttn' is not supported"},
        BadConfig{R"({"attention_type": "gated"})",
                  "'attention_type' should be 'default', 'gated'"},
        BadConfig{R"({"addition_embed_type": "image_hint"})", "'image_hint' is not supported"},
        BadConfig{R"({"encoder_hid_dim": 4, "encoder_hid_dim_type": "image_proj"})",
                  "'image_proj' is not supported"},
        BadConfig{R"({"class_embed_type": "other"})", "'other' is not supported"},
        BadConfig{R"({"class_embed_type": "projection"})",
                  "'projection_class_embeddings_input_dim' should"},
        BadConfig{R"({"dual_cross_attention": true})", "'dual_cross_attention' should be false"},
        BadConfig{R"({"norm_num_groups": null})", "'norm_num_groups' should be a number"},
        BadConfig{R"({"num_attention_heads": 8})", "'num_attention_heads' should be null"},
        BadConfig{R"({"block_out_channels": [320, 640]})", "found 2, 4 and 4"},
        BadConfig{R"({"norm_num_groups": 7})", "multiples of 'norm_num_groups' = 7, found 320"},
        BadConfig{R"({"attention_head_dim": 7})", "found 7 heads for 320 channels"},
        BadConfig{R"({"transformer_layers_per_block": [[1, 1], 1, 1, 1]})",
                  "'reverse_transformer_layers_per_block' should be given"},
        BadConfig{R"({"transformer_layers_per_block": [1, 1]})", "should have 4 entries, found 2"},
        BadConfig{R"({"act_fn": "tanh"})", "'act_fn': unknown activation 'tanh'"},
        BadConfig{R"({"time_embedding_type": "fourier", "time_embedding_dim": 7})", "found 7"},
        BadConfig{R"({"class_embeddings_concat": true})",
                  "'class_embeddings_concat' should go with"}));

INSTANTIATE_TEST_SUITE_P(
    Absurd, BadUNetConfig,
    ::testing::Values(
        BadConfig{R"({"sample_size": 0})", "'sample_size' should be a whole number from 1 to 2048"},
        BadConfig{R"({"sample_size": 1000000000})", "'sample_size'"},
        BadConfig{R"({"sample_size": [64]})", "'sample_size' should have 2 entries, found 1"},
        BadConfig{R"({"in_channels": 0})", "'in_channels'"},
        BadConfig{R"({"out_channels": -4})", "'out_channels'"},
        BadConfig{R"({"block_out_channels": []})", "found 0, 4 and 4"},
        BadConfig{R"({"block_out_channels": [0, 640, 1280, 1280]})", "'block_out_channels'"},
        BadConfig{R"({"block_out_channels": [320, 640, 1280, 1000000000000]})",
                  "'block_out_channels'"},
        BadConfig{R"({"block_out_channels": [32, 32, 32, 32, 32, 32, 32, 32, 32]})",
                  "'block_out_channels' should have 1 to 8 entries, found 9"},
        BadConfig{R"({"layers_per_block": 1000000000})", "'layers_per_block'"},
        BadConfig{R"({"layers_per_block": [2, 2, 0, 2]})", "'layers_per_block'"},
        BadConfig{R"({"attention_head_dim": 0})", "'attention_head_dim'"},
        BadConfig{R"({"attention_head_dim": [8, 8, -8, 8]})", "'attention_head_dim'"},
        BadConfig{R"({"cross_attention_dim": 1000000000000})", "'cross_attention_dim'"},
        BadConfig{R"({"transformer_layers_per_block": 1000000000})",
                  "'transformer_layers_per_block'"},
        BadConfig{R"({"transformer_layers_per_block": [1, 1, [1, -1], 1]})",
                  "'transformer_layers_per_block'"},
        BadConfig{R"({"norm_num_groups": 0})", "'norm_num_groups'"},
        BadConfig{R"({"norm_eps": -1e-5})", "'norm_eps'"},
        BadConfig{R"({"norm_eps": 1e400})", "'norm_eps' should be a finite number"},
        BadConfig{R"({"freq_shift": 160})", "'freq_shift'"},
        BadConfig{R"({"conv_in_kernel": 4})", "'conv_in_kernel' should be odd, found 4"},
        BadConfig{R"({"conv_out_kernel": 1000001})", "'conv_out_kernel'"},
        BadConfig{R"({"downsample_padding": 1000})", "'downsample_padding'"},
        BadConfig{R"({"mid_block_scale_factor": 0})", "'mid_block_scale_factor'"},
        BadConfig{R"({"time_embedding_dim": 1000000000000})", "'time_embedding_dim'"},
        BadConfig{R"({"time_cond_proj_dim": 0})", "'time_cond_proj_dim'"},
        BadConfig{R"({"num_class_embeds": -1})", "'num_class_embeds'"},
        BadConfig{R"({"addition_embed_type_num_heads": 0})", "'addition_embed_type_num_heads'"},
        BadConfig{R"({"addition_time_embed_dim": -256})", "'addition_time_embed_dim'"},
        BadConfig{R"({"projection_class_embeddings_input_dim": 1e12})",
                  "'projection_class_embeddings_input_dim'"},
        BadConfig{R"({"encoder_hid_dim": 0})", "'encoder_hid_dim'"},
        BadConfig{R"({"addition_embed_type": "text", "addition_embed_type_num_heads": 7})",
                  "'addition_embed_type_num_heads' 7 should divide"}));

}  // namespace
}  // namespace sd
