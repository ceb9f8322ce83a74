#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/bad_config.h"
#include "vae/autoencoder_kl.h"

namespace sd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

AutoencoderKlConfig read(const std::string& json) {
  return read_autoencoder_kl_config(ConfigReader::from_text(json, "config.json"));
}

TEST(VaeConfig, MissingKeysAreTheDefaultsOfDiffusers) {
  const AutoencoderKlConfig config = read("{}");
  EXPECT_EQ(config.in_channels, 3);
  EXPECT_EQ(config.out_channels, 3);
  EXPECT_THAT(config.block_out_channels, ElementsAre(64));
  EXPECT_EQ(config.layers_per_block, 1);
  EXPECT_EQ(config.activation, Activation::kSilu);
  EXPECT_EQ(config.latent_channels, 4);
  EXPECT_EQ(config.norm_groups, 32);
  EXPECT_EQ(config.sample_size, 32);
  EXPECT_EQ(config.scaling_factor, 0.18215);
  EXPECT_FALSE(config.shift_factor.has_value());
  EXPECT_THAT(config.latents_mean, IsEmpty());
  EXPECT_TRUE(config.force_upcast);
  EXPECT_TRUE(config.use_quant_conv);
  EXPECT_TRUE(config.use_post_quant_conv);
  EXPECT_TRUE(config.mid_block_add_attention);
  EXPECT_EQ(config.scale_factor(), 1);
}

TEST(VaeConfig, SampleSizeMayBeAList) {
  EXPECT_EQ(read(R"({"sample_size": [48, 64]})").sample_size, 48);
}

TEST(VaeConfig, NullIsAbsent) {
  EXPECT_FALSE(read(R"({"shift_factor": null, "latents_mean": null, "latents_std": null})")
                   .shift_factor.has_value());
}

class BadVaeConfig : public ::testing::TestWithParam<BadConfig> {};

TEST_P(BadVaeConfig, IsRefusedByName) {
  expect_refused(GetParam(),
                 [](ConfigReader r) { return read_autoencoder_kl_config(std::move(r)); });
}

INSTANTIATE_TEST_SUITE_P(
    Catalogue, BadVaeConfig,
    ::testing::Values(
        BadConfig{R"({"_class_name": "AsymmetricAutoencoderKL"})", "AsymmetricAutoencoderKL"},
        BadConfig{R"({"norm_type": "spatial"})", "'norm_type'"},
        BadConfig{R"({"down_block_types": ["AttnDownEncoderBlock2D"]})", "AttnDownEncoderBlock2D"},
        BadConfig{R"({"up_block_types": ["UpBlock2D"]})", "UpBlock2D"},
        BadConfig{R"({"block_out_channels": [32, 64]})", "'down_block_types' has 1"},
        BadConfig{R"({"block_out_channels": []})", "'block_out_channels'"},
        BadConfig{R"({"block_out_channels": [48]})", "48"},
        BadConfig{R"({"block_out_channels": [-32]})", "-32"},
        BadConfig{R"({"block_out_channels": [1000000000000]})", "'block_out_channels'"},
        BadConfig{R"({"block_out_channels": [32, 32, 32, 32, 32, 32, 32, 32, 32]})",
                  "should have 1 to 8 entries, found 9"},
        BadConfig{R"({"norm_num_groups": 0})", "'norm_num_groups'"},
        BadConfig{R"({"norm_num_groups": 1000000000000})", "'norm_num_groups'"},
        BadConfig{R"({"layers_per_block": 0})", "'layers_per_block'"},
        BadConfig{R"({"layers_per_block": 1000000000})", "'layers_per_block'"},
        BadConfig{R"({"in_channels": 0})", "'in_channels'"},
        BadConfig{R"({"out_channels": 1000000000000})", "'out_channels'"},
        BadConfig{R"({"latent_channels": -1})", "'latent_channels'"},
        BadConfig{R"({"latent_channels": 1e12})", "'latent_channels'"},
        BadConfig{R"({"sample_size": []})", "'sample_size'"},
        BadConfig{R"({"sample_size": 1000000000})", "'sample_size'"},
        BadConfig{R"({"sample_size": [0, 64]})", "'sample_size'"},
        BadConfig{R"({"scaling_factor": 0})", "'scaling_factor'"},
        BadConfig{R"({"scaling_factor": 1e300})", "'scaling_factor'"},
        BadConfig{R"({"scaling_factor": 1e400})", "'scaling_factor' should be a finite number"},
        BadConfig{R"({"shift_factor": 1e30})", "'shift_factor'"},
        BadConfig{R"({"latents_mean": [0, 0, 0, 0], "latents_std": [1, 1, 0, 1]})",
                  "'latents_std' should be a list"},
        BadConfig{R"({"act_fn": "selu"})", "selu"},
        BadConfig{R"({"latents_mean": [0, 0, 0, 0]})", "'latents_std' has 0"},
        BadConfig{R"({"latents_mean": [0, 1], "latents_std": [1, 1]})", "should have 4"},
        BadConfig{R"({"latents_mean": [0, 0, 0, 0], "latents_std": [1, 1, 1, 1],
                      "shift_factor": 0.5})",
                  "'shift_factor'"}));

}  // namespace
}  // namespace sd
