#include "text/clip_text_model.h"

#include <ATen/Parallel.h>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/weight_files.h"
#include "text/clip_text_network.h"

namespace sd {
namespace {

using testing::all_near;
using ::testing::AllOf;
using testing::Golden;
using ::testing::HasSubstr;
using testing::Tensors;

constexpr double kTolerance = 2e-5;

/// The networks are too small to share out.
const bool kOneThread = (at::set_num_threads(1), true);

std::filesystem::path data_path(const std::string& name) {
  return testing::data_path("clip_text/" + name);
}

ClipTextHead head_of(const std::string& network) {
  return network == "legacy_eos" ? ClipTextHead::kNone : ClipTextHead::kProjection;
}

std::unique_ptr<ClipTextEncoder> load(const std::string& network, WeightStore weights) {
  return load_clip_text_encoder(data_path(network + ".json"), weights, {}, head_of(network));
}

std::unique_ptr<ClipTextEncoder> load(const std::string& network) {
  return load(network, WeightStore({data_path(network + ".safetensors")}));
}

Golden golden_of(const std::string& network) {
  return Golden("clip_text/" + network + ".io.safetensors");
}

class ClipTextGolden : public ::testing::TestWithParam<const char*> {};

TEST_P(ClipTextGolden, EveryStateEqualsTransformers) {
  auto encoder = load(GetParam());
  Golden golden = golden_of(GetParam());
  ClipTextRequest request;
  for (int64_t i = 0; i <= encoder->config().layers; ++i) {
    request.states.push_back({i, FinalNorm::kNo});
  }
  const ClipTextOutput out = encoder->encode(golden["ids"], request);
  for (size_t i = 0; i < out.states.size(); ++i) {
    EXPECT_TRUE(all_near(out.states[i], golden["hidden." + std::to_string(i)], kTolerance)) << i;
  }
  EXPECT_FALSE(out.pooled.defined());
}

TEST_P(ClipTextGolden, LastStatePooledAndClipSkipEqualTransformers) {
  Golden golden = golden_of(GetParam());
  const ClipTextRequest request{.states = {{}, {.index = -2}}, .pooled = true};
  const ClipTextOutput out = load(GetParam())->encode(golden["ids"], request);
  EXPECT_TRUE(all_near(out.states[0], golden["last"], kTolerance));
  EXPECT_TRUE(all_near(out.states[1], golden["skip_1"], kTolerance));
  EXPECT_TRUE(all_near(out.pooled, golden["pooled"], kTolerance));
}

TEST_P(ClipTextGolden, StatesCountFromTheEndToo) {
  auto encoder = load(GetParam());
  const at::Tensor ids = golden_of(GetParam())["ids"];
  const int64_t layers = encoder->config().layers;
  for (int64_t back = 1; back <= layers + 1; ++back) {
    const ClipTextOutput out = encoder->encode(
        ids, {.states = {{-back, FinalNorm::kNo}, {layers + 1 - back, FinalNorm::kNo}}});
    EXPECT_TRUE(all_near(out.states[0],
                         golden_of(GetParam())["hidden." + std::to_string(layers + 1 - back)],
                         kTolerance));
    EXPECT_TRUE(at::equal(out.states[0], out.states[1]));
  }
}

TEST_P(ClipTextGolden, ARowDoesNotDependOnItsBatch) {
  at::set_num_threads(2);  // work is shared out by the size of the batch
  auto encoder = load(GetParam());
  const at::Tensor ids = golden_of(GetParam())["ids"];
  const ClipTextRequest request{.states = {{}, {.index = -2}}, .pooled = true};
  const ClipTextOutput together = encoder->encode(ids, request);
  for (int64_t row = 0; row < ids.size(0); ++row) {
    const ClipTextOutput alone = encoder->encode(ids.narrow(0, row, 1), request);
    EXPECT_TRUE(at::equal(alone.states[0], together.states[0].narrow(0, row, 1)));
    EXPECT_TRUE(at::equal(alone.states[1], together.states[1].narrow(0, row, 1)));
    EXPECT_TRUE(at::equal(alone.pooled, together.pooled.narrow(0, row, 1)));
  }
  at::set_num_threads(1);
}

TEST_P(ClipTextGolden, KeysWithoutPrefixAreTheSameNetwork) {
  Tensors tensors = testing::read_tensors(data_path(std::string(GetParam()) + ".safetensors"));
  Tensors short_names;
  const std::string prefix = "text_model.";
  for (const auto& [name, tensor] : tensors) {
    short_names[name.starts_with(prefix) ? name.substr(prefix.size()) : name] = tensor;
  }
  short_names["embeddings.position_ids"] = at::zeros({1, 77}, at::kHalf);
  auto encoder = load(GetParam(), testing::stored(short_names));
  Golden golden = golden_of(GetParam());
  EXPECT_TRUE(all_near(encoder->encode(golden["ids"], {.states = {{}}}).states[0], golden["last"],
                       kTolerance));
}

TEST_P(ClipTextGolden, ParametersAreExactlyTheTensorsOfTheFile) {
  EXPECT_TRUE(testing::has_exactly_the_tensors(
      load(GetParam())->network(), data_path(std::string(GetParam()) + ".safetensors")));
}

INSTANTIATE_TEST_SUITE_P(Networks, ClipTextGolden,
                         ::testing::Values("legacy_eos", "projection", "one_layer"));

struct RealEncoder {
  const char* name;
  int64_t layers;
  ClipTextHead head;

  friend void PrintTo(const RealEncoder& real, std::ostream* out) { *out << real.name; }
};

class ClipTextRealSize : public ::testing::TestWithParam<RealEncoder> {};

TEST_P(ClipTextRealSize, HasTheTensorsOfTransformers) {
  const std::string name = GetParam().name;
  testing::Shapes shapes = testing::read_shapes(data_path(name + ".shapes.txt"), GetParam().layers);
  const size_t parameters = shapes.size();
  shapes["text_model.embeddings.position_ids"] = {1, 77};
  WeightStore store = testing::sparse_zeros(shapes);
  auto encoder = load_clip_text_encoder(data_path(name + ".json"), store, {at::kCPU, at::kHalf},
                                        GetParam().head);
  EXPECT_EQ(encoder->network().named_parameters().size(), parameters);
  EXPECT_EQ(encoder->config().layers, GetParam().layers);
}

INSTANTIATE_TEST_SUITE_P(Encoders, ClipTextRealSize,
                         ::testing::Values(RealEncoder{"real_l", 12, ClipTextHead::kNone},
                                           RealEncoder{"real_h", 23, ClipTextHead::kNone},
                                           RealEncoder{"real_big_g", 32,
                                                       ClipTextHead::kProjection}));

TEST(ClipText, StatesThatDoNotExistAreRefused) {
  auto encoder = load("legacy_eos");
  const at::Tensor ids = at::ones({1, 77}, at::kLong);
  for (const int64_t index : {-4, 3}) {
    EXPECT_THAT(error_of([&] { encoder->encode(ids, {.states = {{index}}}); }, ErrorKind::kUsage),
                AllOf(HasSubstr(std::to_string(index)), HasSubstr("has 3")));
  }
}

TEST(ClipText, TooManyTokensAreRefused) {
  auto encoder = load("projection");
  const at::Tensor ids = at::ones({1, 17}, at::kLong);
  EXPECT_THAT(error_of([&] { encoder->encode(ids, {.states = {{}}}); }, ErrorKind::kUsage),
              AllOf(HasSubstr("17"), HasSubstr("at most 16")));
}

TEST(ClipText, TokensOutsideOfTheVocabularyAreRefused) {
  auto encoder = load("legacy_eos");
  const at::Tensor ids = at::full({1, 77}, 50, at::kLong);
  EXPECT_THAT(error_of([&] { encoder->encode(ids, {.states = {{}}}); }),
              AllOf(HasSubstr("50"), HasSubstr("'vocab_size'")));
}

/// A layer that nothing asks for is not run: with NaN in it the state before it stays finite.
TEST(ClipText, LayersThatNothingNeedsDoNotRun) {
  auto encoder = load("projection");
  for (auto& item : encoder->network().named_parameters()) {
    if (item.key() == "text_model.encoder.layers.4.mlp.fc2.bias") item.value().fill_(NAN);
  }
  Golden golden = golden_of("projection");
  const auto states = [&](int64_t index) {
    return encoder->encode(golden["ids"], {.states = {{index, FinalNorm::kNo}}}).states[0];
  };
  EXPECT_TRUE(all_near(states(-2), golden["hidden.4"], kTolerance));
  EXPECT_FALSE(all_near(states(-1), golden["hidden.5"], kTolerance));
}

/// The weights of "projection" after a change, in a file of their own.
class ClipTextWeights : public ::testing::Test {
 protected:
  void load_changed(ClipTextHead head = ClipTextHead::kProjection) {
    WeightStore store = testing::stored(tensors_);
    load_clip_text_encoder(data_path("projection.json"), store, {}, head);
  }
  std::string error_of_load() {
    return error_of([&] { load_changed(); });
  }

  Tensors tensors_ = testing::read_tensors(data_path("projection.safetensors"));
};

TEST_F(ClipTextWeights, AnUnusedProjectionIsLeftAlone) {
  EXPECT_NO_THROW(load_changed(ClipTextHead::kNone));
}

TEST_F(ClipTextWeights, AMissingProjectionIsNamed) {
  tensors_.erase("text_projection.weight");
  EXPECT_THAT(error_of_load(), HasSubstr("'text_projection.weight'"));
}

TEST_F(ClipTextWeights, AMissingLayerIsNamed) {
  tensors_.erase("text_model.encoder.layers.3.self_attn.out_proj.bias");
  EXPECT_THAT(error_of_load(), HasSubstr("text_model.encoder.layers.3.self_attn.out_proj.bias"));
}

TEST_F(ClipTextWeights, AMisshapenTableIsNamed) {
  at::Tensor& table = tensors_.at("text_model.embeddings.position_embedding.weight");
  table = table.narrow(0, 0, 15).contiguous();
  EXPECT_THAT(error_of_load(), AllOf(HasSubstr("text_model.embeddings.position_embedding.weight"),
                                     HasSubstr("[16, 24]"), HasSubstr("[15, 24]")));
}

TEST_F(ClipTextWeights, ALayerTooManyIsNamed) {
  tensors_["text_model.encoder.layers.5.layer_norm1.bias"] = at::zeros({24}, at::kHalf);
  EXPECT_THAT(error_of_load(), HasSubstr("text_model.encoder.layers.5.layer_norm1.bias"));
}

}  // namespace
}  // namespace sd
