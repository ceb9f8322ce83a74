#include "text/clip_text_model.h"

#include <ATen/Parallel.h>
#include <algorithm>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/check.h"
#include "tests/support/golden.h"
#include "tests/support/weight_files.h"
#include "text/clip_text_network.h"

namespace sd {
namespace {

using testing::all_near;
using ::testing::AllOf;
using ::testing::ElementsAreArray;
using testing::Golden;
using ::testing::HasSubstr;
using testing::Tensors;

constexpr double kTolerance = 2e-5;

/// The networks are too small to share out.
const bool kOneThread = (at::set_num_threads(1), true);

std::filesystem::path data_path(const std::string& name) {
  return std::filesystem::path(SD_TEST_DATA) / "clip_text" / name;
}

ClipTextHead head_of(const std::string& network) {
  return network == "legacy_eos" ? ClipTextHead::kNone : ClipTextHead::kProjection;
}

std::unique_ptr<ClipTextEncoder> load(const std::string& network,
                                      const std::filesystem::path& weights) {
  WeightStore store({weights});
  return load_clip_text_encoder(data_path(network + ".json"), store, {}, head_of(network));
}

std::unique_ptr<ClipTextEncoder> load(const std::string& network) {
  return load(network, data_path(network + ".safetensors"));
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
  const testing::TemporaryFolder folder;
  testing::write_tensors(folder.path() / "short.safetensors", short_names);
  auto encoder = load(GetParam(), folder.path() / "short.safetensors");
  Golden golden = golden_of(GetParam());
  EXPECT_TRUE(all_near(encoder->encode(golden["ids"], {.states = {{}}}).states[0], golden["last"],
                       kTolerance));
}

TEST_P(ClipTextGolden, ParametersAreExactlyTheTensorsOfTheFile) {
  const Tensors tensors =
      testing::read_tensors(data_path(std::string(GetParam()) + ".safetensors"));
  std::vector<std::string> expected;
  for (const auto& [name, tensor] : tensors) expected.push_back(name);
  auto encoder = load(GetParam());
  std::vector<std::string> names;
  for (const auto& item : encoder->network().named_parameters()) {
    names.push_back(item.key());
    EXPECT_EQ(item.value().sizes(), tensors.at(item.key()).sizes()) << item.key();
  }
  std::sort(names.begin(), names.end());
  EXPECT_THAT(names, ElementsAreArray(expected));
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
  const testing::TemporaryFolder folder;
  testing::write_sparse_zeros(folder.path() / "zeros.safetensors", shapes);
  WeightStore store({folder.path() / "zeros.safetensors"});
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

template <typename Function>
std::string error_of(ErrorKind kind, Function&& function) {
  try {
    function();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    return error.what();
  }
  return "no error";
}

TEST(ClipText, StatesThatDoNotExistAreRefused) {
  auto encoder = load("legacy_eos");
  const at::Tensor ids = at::ones({1, 77}, at::kLong);
  for (const int64_t index : {-4, 3}) {
    EXPECT_THAT(error_of(ErrorKind::kUsage, [&] { encoder->encode(ids, {.states = {{index}}}); }),
                AllOf(HasSubstr(std::to_string(index)), HasSubstr("has 3")));
  }
}

TEST(ClipText, TooManyTokensAreRefused) {
  auto encoder = load("projection");
  EXPECT_THAT(error_of(ErrorKind::kUsage,
                       [&] {
                         encoder->encode(at::ones({1, 17}, at::kLong), {.states = {{}}});
                       }),
              AllOf(HasSubstr("17"), HasSubstr("at most 16")));
}

TEST(ClipText, TokensOutsideOfTheVocabularyAreRefused) {
  auto encoder = load("legacy_eos");
  const at::Tensor ids = at::full({1, 77}, 50, at::kLong);
  EXPECT_THAT(error_of(ErrorKind::kModel, [&] { encoder->encode(ids, {.states = {{}}}); }),
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
  std::string error_of_load(ClipTextHead head = ClipTextHead::kProjection) {
    testing::write_tensors(folder_.path() / "changed.safetensors", tensors_);
    WeightStore store({folder_.path() / "changed.safetensors"});
    return error_of(ErrorKind::kModel,
                    [&] { load_clip_text_encoder(data_path("projection.json"), store, {}, head); });
  }

  Tensors tensors_ = testing::read_tensors(data_path("projection.safetensors"));
  testing::TemporaryFolder folder_;
};

TEST_F(ClipTextWeights, AnUnusedProjectionIsLeftAlone) {
  EXPECT_EQ(error_of_load(ClipTextHead::kNone), "no error");
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
