#include "text/bert_encoder.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/bad_config.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/weight_files.h"
#include "text/attention_mask.h"
#include "text/bert_network.h"

namespace sd {
namespace {

using testing::all_near;
using ::testing::AllOf;
using testing::Golden;
using ::testing::HasSubstr;
using testing::Tensors;

constexpr double kTolerance = 1e-5;

/// The networks are too small to share out.
const bool kOneThread = (at::set_num_threads(1), true);

std::filesystem::path data_path(const std::string& name) {
  return testing::data_path("bert/" + name);
}

std::unique_ptr<BertEncoder> load(const std::string& network, WeightStore weights,
                                  at::ScalarType dtype = at::kFloat) {
  return load_bert_encoder(data_path(network + ".json"), weights, {at::kCPU, dtype});
}

std::unique_ptr<BertEncoder> load(const std::string& network, at::ScalarType dtype = at::kFloat) {
  return load(network, WeightStore({data_path(network + ".safetensors")}), dtype);
}

struct Case {
  const char* network;
  const char* length;

  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.network << " " << c.length; }
};

class BertGolden : public ::testing::TestWithParam<Case> {
 protected:
  at::Tensor get(const std::string& kind) { return golden_[kind + "." + GetParam().length]; }

  Golden golden_ = Golden(std::string("bert/") + GetParam().network + ".io.safetensors");
};

TEST_P(BertGolden, EmbeddingsAndFirstLayerEqualTransformers) {
  auto encoder = load(GetParam().network);
  const BertEncoder::Network& network = encoder->network();
  const at::Tensor x = network.embeddings().forward(get("ids"));
  EXPECT_TRUE(all_near(x, get("embeddings"), kTolerance));
  const at::Tensor mask = additive_mask(get("mask"), x);
  EXPECT_TRUE(
      all_near(network.layers()[0].forward(get("embeddings"), mask), get("layer"), kTolerance));
}

TEST_P(BertGolden, StatesEqualTransformers) {
  auto encoder = load(GetParam().network);
  EXPECT_TRUE(all_near(encoder->encode(get("ids")), get("plain.float32"), kTolerance));
  EXPECT_TRUE(
      all_near(encoder->encode(get("ids"), get("mask")), get("masked.float32"), kTolerance));
}

TEST_P(BertGolden, APromptAloneHasTheSameStates) {
  auto encoder = load(GetParam().network);
  for (int64_t row = 0; row < get("ids").size(0); ++row) {
    const at::Tensor ids = get("ids").narrow(0, row, 1), mask = get("mask").narrow(0, row, 1);
    const at::Tensor alone = encoder->encode(ids, mask);
    EXPECT_TRUE(all_near(alone, get("masked.float32").narrow(0, row, 1), kTolerance));
    EXPECT_TRUE(at::equal(alone, encoder->encode(ids, mask)));
  }
}

TEST_P(BertGolden, NothingAttendsToWhatIsMasked) {
  auto encoder = load(GetParam().network);
  const at::Tensor ids = get("ids"), mask = get("mask");
  const at::Tensor changed = at::where(mask == 1, ids, 7);
  const at::Tensor kept = mask.unsqueeze(-1);
  EXPECT_TRUE(at::equal(encoder->encode(ids, mask) * kept, encoder->encode(changed, mask) * kept));
}

INSTANTIATE_TEST_SUITE_P(Networks, BertGolden,
                         ::testing::Values(Case{"bert", "1"}, Case{"bert", "20"},
                                           Case{"bert", "77"}, Case{"tanh", "12"}));

using BertLowPrecision = BertGolden;

/// Both round after every operation, though not in the same places, so they differ by as much as
/// each errs: 4 units in the last place of the largest state, where transformers itself is up to
/// 3.2 (bfloat16) and 2.9 (float16) away from float32.
TEST_P(BertLowPrecision, StatesEqualTransformersInTheSameType) {
  for (const auto& [name, dtype, unit] :
       {std::tuple("bfloat16", at::kBFloat16, 0x1p-8), std::tuple("float16", at::kHalf, 0x1p-11)}) {
    auto encoder = load(GetParam().network, dtype);
    const at::Tensor plain = encoder->encode(get("ids"));
    const at::Tensor masked = encoder->encode(get("ids"), get("mask"));
    EXPECT_EQ(plain.scalar_type(), dtype);
    EXPECT_TRUE(all_near(plain, get(std::string("plain.") + name), 4 * unit)) << name;
    EXPECT_TRUE(all_near(masked, get(std::string("masked.") + name), 4 * unit)) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, BertLowPrecision,
                         ::testing::Values(Case{"bert", "77"}, Case{"tanh", "12"}));

TEST(Bert, WhatDoesNotFitIsRefused) {
  auto encoder = load("tanh");
  EXPECT_THAT(error_of([&] {
                encoder->encode(at::full({1, 4}, 40, at::kLong));
              }),
              AllOf(HasSubstr("40"), HasSubstr("'vocab_size'")));
  const auto too_long = [&] { encoder->encode(at::full({1, 17}, 3, at::kLong)); };
  EXPECT_THAT(error_of(too_long, ErrorKind::kUsage), AllOf(HasSubstr("17"), HasSubstr("16")));
}

/// On the meta device, where tensors have shapes and types but no bytes.
TEST(Bert, TheEncoderOfHunyuanDitHasTheTensorsOfTransformers) {
  const testing::Shapes shapes = testing::read_shapes(data_path("real.shapes.txt"), 24);
  WeightStore store = testing::sparse_zeros(shapes);
  auto encoder =
      load_bert_encoder(data_path("real.json"), store, {c10::DeviceType::Meta, at::kHalf});
  EXPECT_EQ(encoder->network().named_parameters().size(), shapes.size());
  EXPECT_EQ(encoder->config().layers, 24);
  EXPECT_EQ(encoder->config().hidden_size, 1024);
  EXPECT_EQ(encoder->config().vocab_size, 47020);
  EXPECT_EQ(encoder->config().activation, Activation::kGelu);
}

/// The weights of "tanh" after a change, in a file of their own.
class BertWeights : public ::testing::Test {
 protected:
  void expect_golden_states() const {
    Golden golden("bert/tanh.io.safetensors");
    auto encoder = load("tanh", testing::stored(tensors_));
    EXPECT_TRUE(
        all_near(encoder->encode(golden["ids.12"]), golden["plain.float32.12"], kTolerance));
  }
  std::string error_of_load() const {
    return error_of([&] { load("tanh", testing::stored(tensors_)); });
  }
  void rename(const std::string& from, const std::string& to) {
    tensors_[to] = tensors_.at(from);
    tensors_.erase(from);
  }

  Tensors tensors_ = testing::read_tensors(data_path("tanh.safetensors"));
};

TEST_F(BertWeights, AreTheParametersAndThePooler) {
  for (const std::string name : {"bert", "tanh"}) {
    const WeightStore store({data_path(name + ".safetensors")});
    size_t parameters = 2;  // of the pooler
    for (const auto& item : load(name)->network().named_parameters()) {
      EXPECT_EQ(item.value().sizes(), store.shape(item.key())) << item.key();
      ++parameters;
    }
    EXPECT_EQ(parameters, store.names().size());
  }
}

TEST_F(BertWeights, MayBeThoseOfABertWithHeads) {
  Tensors prefixed;
  for (const auto& [name, tensor] : tensors_) prefixed["bert." + name] = tensor;
  tensors_ = prefixed;
  tensors_["cls.predictions.bias"] = at::zeros({40}, at::kHalf);
  tensors_["cls.seq_relationship.weight"] = at::zeros({2, 18}, at::kHalf);
  expect_golden_states();
}

TEST_F(BertWeights, MayHaveTheBuffersAndNamesOfOldFiles) {
  tensors_["embeddings.position_ids"] = at::zeros({1, 16}, at::kHalf);
  tensors_["embeddings.token_type_ids"] = at::zeros({1, 16}, at::kHalf);
  rename("embeddings.LayerNorm.weight", "embeddings.LayerNorm.gamma");
  rename("embeddings.LayerNorm.bias", "embeddings.LayerNorm.beta");
  expect_golden_states();
}

TEST_F(BertWeights, DoNotNeedAPooler) {
  tensors_.erase("pooler.dense.weight");
  tensors_.erase("pooler.dense.bias");
  expect_golden_states();
}

TEST_F(BertWeights, AMissingMatrixIsNamed) {
  tensors_.erase("encoder.layer.0.attention.output.dense.weight");
  EXPECT_THAT(error_of_load(), HasSubstr("'encoder.layer.0.attention.output.dense.weight'"));
}

TEST_F(BertWeights, MisshapenTokenTypesAreNamed) {
  tensors_["embeddings.token_type_embeddings.weight"] = at::zeros({2, 18}, at::kHalf);
  EXPECT_THAT(error_of_load(), AllOf(HasSubstr("embeddings.token_type_embeddings.weight"),
                                     HasSubstr("[1, 18]"), HasSubstr("[2, 18]")));
}

TEST_F(BertWeights, AMisshapenVocabularyIsNamed) {
  tensors_["embeddings.word_embeddings.weight"] = at::zeros({39, 18}, at::kHalf);
  EXPECT_THAT(error_of_load(), AllOf(HasSubstr("embeddings.word_embeddings.weight"),
                                     HasSubstr("[40, 18]"), HasSubstr("[39, 18]")));
}

TEST_F(BertWeights, ALayerTooManyIsNamed) {
  tensors_["encoder.layer.1.output.dense.bias"] = at::zeros({18}, at::kHalf);
  EXPECT_THAT(error_of_load(), HasSubstr("encoder.layer.1.output.dense.bias"));
}

TEST_F(BertWeights, TwoDialectsAtOnceAreRefused) {
  tensors_["bert.embeddings.LayerNorm.bias"] = at::zeros({18}, at::kHalf);
  EXPECT_THAT(error_of_load(), HasSubstr("'embeddings.LayerNorm.bias'"));
}

TEST(BertConfigFile, MissingKeysAreTheDefaultsOfTransformers) {
  const BertConfig config = read_bert_config(ConfigReader::from_text("{}", "config.json"));
  EXPECT_EQ(config.vocab_size, 30522);
  EXPECT_EQ(config.hidden_size, 768);
  EXPECT_EQ(config.intermediate_size, 3072);
  EXPECT_EQ(config.layers, 12);
  EXPECT_EQ(config.heads, 12);
  EXPECT_EQ(config.max_positions, 512);
  EXPECT_EQ(config.token_types, 2);
  EXPECT_EQ(config.activation, Activation::kGelu);
  EXPECT_EQ(config.layer_norm_eps, 1e-12);
}

class BadBertConfig : public ::testing::TestWithParam<BadConfig> {};

TEST_P(BadBertConfig, IsRefusedByName) {
  expect_refused(GetParam(), [](ConfigReader r) { return read_bert_config(std::move(r)); });
}

INSTANTIATE_TEST_SUITE_P(
    Catalogue, BadBertConfig,
    ::testing::Values(BadConfig{R"({"model_type": "roberta"})", "roberta"},
                      BadConfig{R"({"is_decoder": true})", "'is_decoder'"},
                      BadConfig{R"({"position_embedding_type": "relative_key"})", "relative_key"},
                      BadConfig{R"({"pruned_heads": {"0": [1]}})", "'pruned_heads'"},
                      BadConfig{R"({"embedding_size": 128})", "'embedding_size'"},
                      BadConfig{R"({"hidden_act": "gelu_fast"})", "gelu_fast"},
                      BadConfig{R"({"vocab_size": 0})", "'vocab_size'"},
                      BadConfig{R"({"hidden_size": 770})", "'num_attention_heads'"},
                      BadConfig{R"({"hidden_size": 1000000000000})", "'hidden_size'"},
                      BadConfig{R"({"intermediate_size": -1})", "'intermediate_size'"},
                      BadConfig{R"({"num_hidden_layers": 0})", "'num_hidden_layers'"},
                      BadConfig{R"({"num_attention_heads": 1.5})", "'num_attention_heads'"},
                      BadConfig{R"({"max_position_embeddings": 1})", "'max_position_embeddings'"},
                      BadConfig{R"({"type_vocab_size": 0})", "'type_vocab_size'"},
                      BadConfig{R"({"layer_norm_eps": -1})", "'layer_norm_eps'"}));

}  // namespace
}  // namespace sd
