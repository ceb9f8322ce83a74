#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/check.h"
#include "tests/support/weight_files.h"
#include "text/clip_text_model.h"

namespace sd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

ClipTextConfig read(const std::string& json) {
  const testing::TemporaryFolder folder;
  return read_clip_text_config(folder.write("config.json", json));
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

struct BadConfig {
  const char* json;
  const char* expected;

  friend void PrintTo(const BadConfig& bad, std::ostream* out) { *out << bad.json; }
};

class BadClipTextConfig : public ::testing::TestWithParam<BadConfig> {};

TEST_P(BadClipTextConfig, IsRefusedByName) {
  try {
    read(GetParam().json);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kModel);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("config.json"), HasSubstr(GetParam().expected)));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Catalogue, BadClipTextConfig,
    ::testing::Values(BadConfig{R"({"model_type": "bert"})", "bert"},
                      BadConfig{R"({"use_attention_mask": true})", "'use_attention_mask'"},
                      BadConfig{R"({"pruned_heads": {"0": [1]}})", "'pruned_heads'"},
                      BadConfig{R"({"quantization_config": {"bits": 4}})", "'quantization_config'"},
                      BadConfig{R"({"hidden_act": "gelu_fast"})", "gelu_fast"},
                      BadConfig{R"({"hidden_size": 100})", "'num_attention_heads' 8"},
                      BadConfig{R"({"num_hidden_layers": 0})", "'num_hidden_layers'"},
                      BadConfig{R"({"num_attention_heads": -8})", "'num_attention_heads'"}));

}  // namespace
}  // namespace sd
