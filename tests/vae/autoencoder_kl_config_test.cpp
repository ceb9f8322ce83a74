#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/check.h"
#include "tests/support/weight_files.h"
#include "vae/autoencoder_kl.h"

namespace sd {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

AutoencoderKlConfig read(const std::string& json) {
  const testing::TemporaryFolder folder;
  return read_autoencoder_kl_config(folder.write("config.json", json));
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

struct BadConfig {
  const char* json;
  const char* expected;

  friend void PrintTo(const BadConfig& bad, std::ostream* out) { *out << bad.json; }
};

class BadVaeConfig : public ::testing::TestWithParam<BadConfig> {};

TEST_P(BadVaeConfig, IsRefusedByName) {
  try {
    read(GetParam().json);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kModel);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("config.json"), HasSubstr(GetParam().expected)));
  }
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
        BadConfig{R"({"norm_num_groups": 0})", "'norm_num_groups'"},
        BadConfig{R"({"layers_per_block": 0})", "'layers_per_block'"},
        BadConfig{R"({"latent_channels": -1})", "'latent_channels'"},
        BadConfig{R"({"sample_size": []})", "'sample_size'"},
        BadConfig{R"({"scaling_factor": 0})", "'scaling_factor'"},
        BadConfig{R"({"act_fn": "selu"})", "selu"},
        BadConfig{R"({"latents_mean": [0, 0, 0, 0]})", "'latents_std' has 0"},
        BadConfig{R"({"latents_mean": [0, 1], "latents_std": [1, 1]})", "should have 4"},
        BadConfig{R"({"latents_mean": [0, 0, 0, 0], "latents_std": [1, 1, 1, 1],
                      "shift_factor": 0.5})",
                  "'shift_factor'"}));

}  // namespace
}  // namespace sd
