#include <gtest/gtest.h>

#include "tests/support/bad_config.h"
#include "text/clip_text_model.h"

namespace sd {
namespace {

ClipTextConfig read(const std::string& json) {
  return read_clip_text_config(ConfigReader::from_text(json, "config.json"));
}

TEST(ClipTextConfigFile, MissingKeysAreTheDefaultsOfTransformers) {
  const ClipTextConfig config = read("{}");
  EXPECT_EQ(config.vocab_size, 49408);
  EXPECT_EQ(config.hidden_size, 512);
  EXPECT_EQ(config.intermediate_size, 2048);
  EXPECT_EQ(config.projection_dim, 512);
  EXPECT_EQ(config.layers, 12);
  EXPECT_EQ(config.heads, 8);
  EXPECT_EQ(config.max_positions, 77);
  EXPECT_EQ(config.activation, Activation::kQuickGelu);
  EXPECT_EQ(config.layer_norm_eps, 1e-5);
  EXPECT_EQ(config.eos_token_id, 49407);
}

class BadClipTextConfig : public ::testing::TestWithParam<BadConfig> {};

TEST_P(BadClipTextConfig, IsRefusedByName) {
  expect_refused(GetParam(), [](ConfigReader r) { return read_clip_text_config(std::move(r)); });
}

INSTANTIATE_TEST_SUITE_P(
    Catalogue, BadClipTextConfig,
    ::testing::Values(BadConfig{R"({"model_type": "bert"})", "bert"},
                      BadConfig{R"({"use_attention_mask": true})", "'use_attention_mask'"},
                      BadConfig{R"({"pruned_heads": {"0": [1]}})", "'pruned_heads'"},
                      BadConfig{R"({"quantization_config": {"bits": 4}})", "'quantization_config'"},
                      BadConfig{R"({"hidden_act": "gelu_fast"})", "gelu_fast"},
                      BadConfig{R"({"hidden_size": 100})", "'num_attention_heads' 8"},
                      BadConfig{R"({"vocab_size": 0})", "'vocab_size'"},
                      BadConfig{R"({"vocab_size": 1000000000000})", "'vocab_size'"},
                      BadConfig{R"({"hidden_size": 1000000000000})", "'hidden_size'"},
                      BadConfig{R"({"intermediate_size": 1e12})", "'intermediate_size'"},
                      BadConfig{R"({"projection_dim": -1})", "'projection_dim'"},
                      BadConfig{R"({"num_hidden_layers": 0})", "'num_hidden_layers'"},
                      BadConfig{R"({"num_hidden_layers": 1000000000})", "'num_hidden_layers'"},
                      BadConfig{R"({"num_attention_heads": -8})", "'num_attention_heads'"},
                      BadConfig{R"({"max_position_embeddings": 0})", "'max_position_embeddings'"},
                      BadConfig{R"({"max_position_embeddings": 2000000000})",
                                "'max_position_embeddings'"},
                      BadConfig{R"({"layer_norm_eps": -1})", "'layer_norm_eps'"},
                      BadConfig{R"({"eos_token_id": -2})", "'eos_token_id'"}));

/// The largest that were released: OpenCLIP bigG's, and T5-XXL's sizes.
TEST(ClipTextConfigFile, LargeNetworksAreAdmitted) {
  const ClipTextConfig config =
      read(R"({"vocab_size": 256000, "hidden_size": 4096, "intermediate_size": 16384,
               "num_hidden_layers": 48, "num_attention_heads": 64,
               "max_position_embeddings": 2048})");
  EXPECT_EQ(config.intermediate_size, 16384);
}

}  // namespace
}  // namespace sd
