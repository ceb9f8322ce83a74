#include "text/t5_encoder.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/bad_config.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/weight_files.h"
#include "text/t5_network.h"

namespace sd {
namespace {

using testing::all_near;
using ::testing::AllOf;
using testing::Golden;
using ::testing::HasSubstr;
using testing::Tensors;

constexpr double kTolerance = 1e-5;
const char* const kShared = "shared.weight";

/// The networks are too small to share out.
const bool kOneThread = (at::set_num_threads(1), true);

std::filesystem::path data_path(const std::string& name) {
  return testing::data_path("t5_encoder/" + name);
}

std::unique_ptr<T5Encoder> load(const std::string& network, WeightStore weights,
                                at::ScalarType dtype = at::kFloat) {
  return load_t5_encoder(data_path(network + ".json"), weights, {at::kCPU, dtype});
}

std::unique_ptr<T5Encoder> load(const std::string& network, at::ScalarType dtype = at::kFloat) {
  return load(network, WeightStore({data_path(network + ".safetensors")}), dtype);
}

Golden golden_of(const std::string& network) {
  return Golden("t5_encoder/" + network + ".io.safetensors");
}

struct Case {
  const char* network;
  int64_t length;

  std::string suffix(const char* dtype) const {
    return std::string(dtype) + "." + std::to_string(length);
  }
  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.network << " " << c.length; }
};

class T5Golden : public ::testing::TestWithParam<Case> {
 protected:
  at::Tensor ids() { return golden_["ids." + std::to_string(GetParam().length)]; }
  at::Tensor mask() { return golden_["mask." + std::to_string(GetParam().length)]; }
  at::Tensor state(const std::string& kind, const char* dtype = "float32") {
    return golden_[kind + "." + GetParam().suffix(dtype)];
  }

  Golden golden_ = golden_of(GetParam().network);
};

TEST_P(T5Golden, StatesEqualTransformers) {
  auto encoder = load(GetParam().network);
  EXPECT_TRUE(all_near(encoder->encode(ids()), state("plain"), kTolerance));
  EXPECT_TRUE(all_near(encoder->encode(ids(), mask()), state("masked"), kTolerance));
}

TEST_P(T5Golden, APromptAloneHasTheSameStates) {
  auto encoder = load(GetParam().network);
  for (int64_t row = 0; row < ids().size(0); ++row) {
    const at::Tensor alone = encoder->encode(ids().narrow(0, row, 1), mask().narrow(0, row, 1));
    EXPECT_TRUE(all_near(alone, state("masked").narrow(0, row, 1), kTolerance));
    EXPECT_TRUE(
        at::equal(alone, encoder->encode(ids().narrow(0, row, 1), mask().narrow(0, row, 1))));
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, T5Golden,
                         ::testing::Values(Case{"gated", 1}, Case{"gated", 77}, Case{"gated", 256},
                                           Case{"mt5", 40}, Case{"plain", 12},
                                           Case{"overflow", 20}));

using T5LowPrecision = T5Golden;

/// Both round after every operation, though not in the same places (our scores stay float32 up to
/// the softmax), so they differ by as much as each errs: 4 units in the last place of the largest
/// state, where transformers itself is up to 4 away from float32. In "overflow" float16 is over 80
/// away from float32, because the first attention is clamped.
TEST_P(T5LowPrecision, StatesEqualTransformersInTheSameType) {
  for (const auto& [name, dtype, unit] :
       {std::tuple("bfloat16", at::kBFloat16, 0x1p-8), std::tuple("float16", at::kHalf, 0x1p-11)}) {
    auto encoder = load(GetParam().network, dtype);
    const at::Tensor plain = encoder->encode(ids()), masked = encoder->encode(ids(), mask());
    EXPECT_EQ(plain.scalar_type(), dtype);
    EXPECT_TRUE(all_near(plain, state("plain", name), 4 * unit)) << name;
    EXPECT_TRUE(all_near(masked, state("masked", name), 4 * unit)) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, T5LowPrecision,
                         ::testing::Values(Case{"gated", 77}, Case{"mt5", 40}, Case{"plain", 12},
                                           Case{"overflow", 20}));

TEST(T5, Float16IsClampedWhereItOverflows) {
  Golden golden = golden_of("overflow");
  auto encoder = load("overflow", at::kHalf);
  const at::Tensor states = encoder->encode(golden["ids.20"]);
  EXPECT_FALSE(all_near(states, golden["plain.float32.20"], 80 * 0x1p-11));
  for (auto& item : encoder->network().named_parameters()) {
    if (item.key().ends_with(".wo.weight")) item.value().set_data(item.value().to(at::kHalf));
  }
  EXPECT_FALSE(all_near(encoder->encode(golden["ids.20"]), golden["plain.float16.20"], 0.01))
      << "the golden states must depend on wo being float32";
}

TEST(T5, OnlyFloat16KeepsAMatrixInFloat32) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kHalf}) {
    auto encoder = load("gated", dtype);
    for (const auto& item : encoder->network().named_parameters()) {
      const bool kept = dtype == at::kHalf && item.key().ends_with(".wo.weight");
      EXPECT_EQ(item.value().scalar_type(), kept ? at::kFloat : dtype) << item.key();
    }
  }
}

TEST(T5, PositionsHaveTheBucketsOfTransformers) {
  Golden golden = golden_of("gated");
  for (const auto& [length, buckets, distance] :
       {std::tuple(256, 32, 128), std::tuple(77, 32, 128), std::tuple(1, 32, 128),
        std::tuple(90, 9, 20), std::tuple(40, 4, 2), std::tuple(120, 64, 100)}) {
    const at::Tensor ours = relative_position_buckets(length, buckets, distance);
    const std::string name = "buckets." + std::to_string(length) + "." + std::to_string(buckets) +
                             "." + std::to_string(distance);
    EXPECT_TRUE(at::equal(ours[0], golden[name][0])) << name;
    EXPECT_TRUE(at::equal(ours[-1], golden[name][1])) << name;
    EXPECT_TRUE(at::equal(ours.slice(0, 1).slice(1, 1), ours.slice(0, 0, -1).slice(1, 0, -1)));
  }
}

TEST(T5, LengthsMayFollowEachOther) {
  Golden golden = golden_of("gated");
  auto encoder = load("gated");
  for (const char* length : {"77", "1", "256", "77"}) {
    const at::Tensor states = encoder->encode(golden[std::string("ids.") + length]);
    EXPECT_TRUE(all_near(states, golden[std::string("plain.float32.") + length], kTolerance));
  }
}

TEST(T5, TokensOutsideOfTheVocabularyAreRefused) {
  auto encoder = load("plain");
  const at::Tensor ids = at::full({1, 4}, 60, at::kLong);
  EXPECT_THAT(error_of([&] { encoder->encode(ids); }),
              AllOf(HasSubstr("60"), HasSubstr("'vocab_size'")));
}

/// On the meta device, where tensors have shapes and types but no bytes.
TEST(T5, RealEncodersHaveTheTensorsOfTransformers) {
  for (const std::string name : {"real_xxl", "real_mt5_xl"}) {
    const testing::Shapes shapes = testing::read_shapes(data_path(name + ".shapes.txt"), 24);
    WeightStore store = testing::sparse_zeros(shapes);
    auto encoder =
        load_t5_encoder(data_path(name + ".json"), store, {c10::DeviceType::Meta, at::kHalf});
    EXPECT_EQ(encoder->network().named_parameters().size(), shapes.size());
    EXPECT_EQ(encoder->config().layers, 24);
    EXPECT_EQ(encoder->config().activation, Activation::kGeluTanh);
  }
}

/// The weights of "plain" after a change, in a file of their own.
class T5Weights : public ::testing::Test {
 protected:
  void expect_golden_states() const {
    Golden golden = golden_of("plain");
    auto encoder = load("plain", testing::stored(tensors_));
    EXPECT_TRUE(
        all_near(encoder->encode(golden["ids.12"]), golden["plain.float32.12"], kTolerance));
  }
  std::string error_of_load() const {
    return error_of([&] { load("plain", testing::stored(tensors_)); });
  }

  Tensors tensors_ = testing::read_tensors(data_path("plain.safetensors"));
};

TEST_F(T5Weights, AreExactlyTheParameters) {
  for (const std::string name : {"plain", "gated", "mt5"}) {
    EXPECT_TRUE(
        testing::has_exactly_the_tensors(load(name)->network(), data_path(name + ".safetensors")));
  }
}

TEST_F(T5Weights, TheTableMayHaveItsOtherNameOnly) {
  tensors_["encoder.embed_tokens.weight"] = tensors_.at(kShared);
  tensors_.erase(kShared);
  expect_golden_states();
}

TEST_F(T5Weights, OfTwoTablesSharedIsTaken) {
  tensors_["encoder.embed_tokens.weight"] = at::zeros({60, 16}, at::kHalf);
  expect_golden_states();
}

TEST_F(T5Weights, DecoderAndHeadAreLeftAlone) {
  tensors_["decoder.embed_tokens.weight"] = at::zeros({60, 16}, at::kHalf);
  tensors_["decoder.block.0.layer.1.EncDecAttention.q.weight"] = at::zeros({16, 16}, at::kHalf);
  tensors_["lm_head.weight"] = at::zeros({60, 16}, at::kHalf);
  expect_golden_states();
}

TEST_F(T5Weights, AMissingTableIsNamed) {
  tensors_.erase(kShared);
  EXPECT_THAT(error_of_load(), HasSubstr("'shared.weight'"));
}

TEST_F(T5Weights, AMissingMatrixIsNamed) {
  tensors_.erase("encoder.block.1.layer.1.DenseReluDense.wo.weight");
  EXPECT_THAT(error_of_load(), HasSubstr("'encoder.block.1.layer.1.DenseReluDense.wo.weight'"));
}

TEST_F(T5Weights, AMisshapenBiasIsNamed) {
  const std::string name = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight";
  tensors_[name] = at::zeros({16, 2}, at::kHalf);
  EXPECT_THAT(error_of_load(), AllOf(HasSubstr(name), HasSubstr("[32, 2]"), HasSubstr("[16, 2]")));
}

TEST_F(T5Weights, ABlockTooManyIsNamed) {
  tensors_["encoder.block.2.layer.0.layer_norm.weight"] = at::zeros({16}, at::kHalf);
  EXPECT_THAT(error_of_load(), HasSubstr("encoder.block.2.layer.0.layer_norm.weight"));
}

T5Config read(const std::string& json) {
  return read_t5_config(ConfigReader::from_text(json, "config.json"));
}

TEST(T5ConfigFile, MissingKeysAreTheDefaultsOfTransformers) {
  const T5Config config = read("{}");
  EXPECT_EQ(config.vocab_size, 32128);
  EXPECT_EQ(config.d_model, 512);
  EXPECT_EQ(config.d_kv, 64);
  EXPECT_EQ(config.d_ff, 2048);
  EXPECT_EQ(config.layers, 6);
  EXPECT_EQ(config.heads, 8);
  EXPECT_EQ(config.buckets, 32);
  EXPECT_EQ(config.max_distance, 128);
  EXPECT_EQ(config.layer_norm_epsilon, 1e-6);
  EXPECT_EQ(config.feed_forward, T5Config::FeedForward::kPlain);
  EXPECT_EQ(config.activation, Activation::kRelu);
}

TEST(T5ConfigFile, TheFeedForwardIsReadAsTransformersReadsIt) {
  const auto expect = [](const char* json, T5Config::FeedForward form, Activation activation) {
    const T5Config config = read(json);
    EXPECT_EQ(config.feed_forward, form) << json;
    EXPECT_EQ(config.activation, activation) << json;
  };
  using enum T5Config::FeedForward;
  expect(R"({"feed_forward_proj": "gated-gelu"})", kGated, Activation::kGeluTanh);
  expect(R"({"feed_forward_proj": "gated-silu"})", kGated, Activation::kSilu);
  expect(R"({"feed_forward_proj": "gelu"})", kPlain, Activation::kGelu);
  expect(R"({"feed_forward_proj": "gated-gelu", "dense_act_fn": "gelu"})", kGated,
         Activation::kGelu);
  expect(R"({"feed_forward_proj": "relu", "is_gated_act": true})", kGated, Activation::kRelu);
}

class BadT5Config : public ::testing::TestWithParam<BadConfig> {};

TEST_P(BadT5Config, IsRefusedByName) {
  expect_refused(GetParam(), [](ConfigReader r) { return read_t5_config(std::move(r)); });
}

INSTANTIATE_TEST_SUITE_P(
    Catalogue, BadT5Config,
    ::testing::Values(BadConfig{R"({"model_type": "umt5"})", "umt5"},
                      BadConfig{R"({"is_decoder": true})", "'is_decoder'"},
                      BadConfig{R"({"pruned_heads": {"0": [1]}})", "'pruned_heads'"},
                      BadConfig{R"({"quantization_config": {"bits": 4}})", "'quantization_config'"},
                      BadConfig{R"({"feed_forward_proj": "gated-gelu-x"})", "gated-gelu-x"},
                      BadConfig{R"({"feed_forward_proj": "wide-gelu"})", "'feed_forward_proj'"},
                      BadConfig{R"({"feed_forward_proj": "gated-"})", "'feed_forward_proj'"},
                      BadConfig{R"({"dense_act_fn": "gelu_fast"})", "gelu_fast"},
                      BadConfig{R"({"vocab_size": 0})", "'vocab_size'"},
                      BadConfig{R"({"d_model": 1000000000000})", "'d_model'"},
                      BadConfig{R"({"d_kv": 0})", "'d_kv'"}, BadConfig{R"({"d_ff": -1})", "'d_ff'"},
                      BadConfig{R"({"num_layers": 0})", "'num_layers'"},
                      BadConfig{R"({"num_heads": 1.5})", "'num_heads'"},
                      BadConfig{R"({"layer_norm_epsilon": -1})", "'layer_norm_epsilon'"},
                      BadConfig{R"({"relative_attention_num_buckets": 3})",
                                "'relative_attention_num_buckets'"},
                      BadConfig{R"({"relative_attention_max_distance": 8})",
                                "'relative_attention_max_distance'"}));

}  // namespace
}  // namespace sd
