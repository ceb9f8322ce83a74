#include "models/sd3/sd3_transformer.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/sd3/sd3_transformer_model.h"
#include "nn/attention_maps.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"

namespace sd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double kTolerance = 1e-5;

std::filesystem::path data_path(const std::string& name) {
  return testing::data_path("sd3/" + name);
}

Sd3Config config_of(const std::string& network) {
  return read_sd3_config(data_path(network + ".json"));
}

std::unique_ptr<Sd3Transformer2DModel> load(const std::string& network,
                                            at::ScalarType dtype = at::kFloat,
                                            int64_t budget = StepTable::kDefaultBudget) {
  WeightStore weights({data_path(network + ".safetensors")});
  auto model = std::make_unique<Sd3Transformer2DModel>(Weights(weights, {at::kCPU, dtype}),
                                                       config_of(network), budget);
  weights.finish();
  return model;
}

testing::Golden golden_of(const std::string& network) {
  return testing::Golden("sd3/" + network + ".io.safetensors");
}

/// One recorded run of a network.
struct Case {
  at::Tensor sample;
  at::Tensor times;
  Conditioning conditioning;
  std::vector<at::Tensor> outputs;
  at::Tensor skipped;     ///< the second half of the rows without blocks 1 and 2, of some
  double bfloat16_error;  ///< mean square of diffusers' error over that of the output
};

Conditioning condition(const at::Tensor& text, const at::Tensor& pooled) {
  Conditioning conditioning;
  conditioning.text = text;
  conditioning.pooled = pooled;
  return conditioning;
}

Case read_case(const std::string& network, const std::string& name) {
  testing::Golden golden = golden_of(network);
  Case c{.sample = golden[name + ".sample"],
         .times = golden[name + ".times"],
         .conditioning = condition(golden[name + ".encoder_hidden_states"],
                                   golden[name + ".pooled_projections"]),
         .outputs = {},
         .skipped = golden.has(name + ".skipped") ? golden[name + ".skipped"] : at::Tensor(),
         .bfloat16_error = golden[name + ".bfloat16_error"].item<double>()};
  for (int64_t step = 0; step < c.times.size(0); ++step) {
    c.outputs.push_back(golden[name + ".out." + std::to_string(step)]);
  }
  return c;
}

struct Network {
  std::string name;
  std::string run;

  friend void PrintTo(const Network& n, std::ostream* out) { *out << n.name << ", " << n.run; }
};

/// The networks are too small to share out.
const bool kOneThread = (at::set_num_threads(1), true);

class Sd3Golden : public ::testing::TestWithParam<Network> {};

TEST_P(Sd3Golden, EveryStepOfARunEqualsDiffusers) {
  const Case c = read_case(GetParam().name, GetParam().run);
  auto model = load(GetParam().name);
  model->bind(c.conditioning, c.times);
  for (size_t step = 0; step < c.outputs.size(); ++step) {
    EXPECT_TRUE(testing::all_near(model->run(c.sample, step), c.outputs[step], kTolerance))
        << "step " << step;
  }
}

TEST_P(Sd3Golden, ATableOfModulationsInChunksGivesTheSameBits) {
  const Case c = read_case(GetParam().name, GetParam().run);
  auto whole = load(GetParam().name);
  auto chunked = load(GetParam().name, at::kFloat, /*budget=*/1);
  whole->bind(c.conditioning, c.times);
  chunked->bind(c.conditioning, c.times);
  for (size_t step = c.outputs.size(); step-- > 0;) {
    EXPECT_TRUE(testing::all_near(chunked->run(c.sample, step), c.outputs[step], kTolerance));
    EXPECT_TRUE(testing::all_near(chunked->run(c.sample, step), whole->run(c.sample, step), 1e-6));
  }
}

/// Those with more than one row and more than two blocks.
class Sd3Skipping : public ::testing::TestWithParam<Network> {};

TEST_P(Sd3Skipping, WithoutSomeBlocksItEqualsDiffusersSkipLayers) {
  const Case c = read_case(GetParam().name, GetParam().run);
  auto model = load(GetParam().name);
  model->bind(c.conditioning, c.times);
  const int64_t first = c.sample.size(0) / 2;
  const at::Tensor sample = c.sample.narrow(0, first, c.sample.size(0) - first);
  EXPECT_TRUE(testing::all_near(model->run_without(sample, 0, {1, 2}), c.skipped, kTolerance));
  EXPECT_TRUE(testing::all_near(model->run_without(sample, 0, {}),
                                c.outputs[0].narrow(0, first, sample.size(0)), kTolerance));
}

TEST_P(Sd3Golden, Bfloat16IsAsCloseAsThatOfDiffusers) {
  const Case c = read_case(GetParam().name, GetParam().run);
  auto model = load(GetParam().name, at::kBFloat16);
  model->bind(
      condition(c.conditioning.text.to(at::kBFloat16), c.conditioning.pooled.to(at::kBFloat16)),
      c.times);
  const at::Tensor out = model->run(c.sample.to(at::kBFloat16), 0);
  ASSERT_EQ(out.scalar_type(), at::kBFloat16);
  const at::Tensor error = out.to(at::kFloat) - c.outputs[0];
  const double found = (error.square().mean() / c.outputs[0].square().mean()).item<double>();
  EXPECT_LT(found, 2 * c.bfloat16_error);  // the same roundings in another order
}

TEST_P(Sd3Golden, ParametersAreExactlyTheTensorsOfTheFile) {
  auto model = load(GetParam().name);
  EXPECT_TRUE(
      testing::has_exactly_the_tensors(*model, data_path(GetParam().name + ".safetensors")));
}

INSTANTIATE_TEST_SUITE_P(Networks, Sd3Golden,
                         ::testing::Values(Network{"medium", "plain"}, Network{"medium", "odd"},
                                           Network{"medium_35", "plain"},
                                           Network{"medium_35", "odd"}, Network{"medium_35", "run"},
                                           Network{"medium_35", "rows"},
                                           Network{"large_35", "plain"}, Network{"large_35", "odd"},
                                           Network{"patch_1", "plain"}, Network{"patch_1", "odd"}),
                         [](const auto& info) { return info.param.name + "_" + info.param.run; });

INSTANTIATE_TEST_SUITE_P(Networks, Sd3Skipping,
                         ::testing::Values(Network{"medium", "plain"},
                                           Network{"medium_35", "plain"},
                                           Network{"medium_35", "run"},
                                           Network{"medium_35", "rows"},
                                           Network{"large_35", "plain"}),
                         [](const auto& info) { return info.param.name + "_" + info.param.run; });

class Sd3Parts : public ::testing::TestWithParam<std::string> {};

TEST_P(Sd3Parts, EveryBlockEqualsDiffusers) {
  testing::Golden golden = golden_of(GetParam());
  auto model = load(GetParam());
  const at::Tensor activated = at::silu(golden["plain.temb"]);
  const auto layers = static_cast<size_t>(config_of(GetParam()).layers);
  for (size_t i = 0; i < layers; ++i) {
    const std::string name = "plain.block." + std::to_string(i);
    const JointTransformerBlock& block = model->block(i);
    const Streams out = block.forward({golden[name + ".x"], golden[name + ".context"]},
                                      block.modulations(activated), 0);
    EXPECT_TRUE(testing::all_near(out.image, golden[name + ".out.x"], kTolerance)) << name;
    EXPECT_EQ(out.text.defined(), i + 1 < layers) << "the last block hands no text on";
    if (!out.text.defined()) continue;
    EXPECT_TRUE(testing::all_near(out.text, golden[name + ".out.context"], kTolerance)) << name;
  }
}

TEST_P(Sd3Parts, EveryJointAttentionEqualsDiffusersForTokensAndForPictures) {
  testing::Golden golden = golden_of(GetParam());
  auto model = load(GetParam());
  const auto layers = static_cast<size_t>(config_of(GetParam()).layers);
  const auto as_picture = [](const at::Tensor& tokens, int64_t h) {
    return tokens.transpose(1, 2).unflatten(2, {h, tokens.size(1) / h}).contiguous();
  };
  for (size_t i = 0; i < layers; ++i) {
    const std::string name = "plain.attn." + std::to_string(i);
    const at::Tensor x = golden[name + ".x"];
    const at::Tensor context = golden[name + ".context"];
    const at::Tensor expected = golden[name + ".out.x"];
    const JointAttention& attention = model->block(i).attention();
    const Streams tokens = attention.forward({x, context}, 0);
    const Streams pictures = attention.forward({as_picture(x, 4), as_picture(context, 1)}, 0);
    EXPECT_TRUE(testing::all_near(tokens.image, expected, kTolerance)) << name;
    EXPECT_TRUE(testing::all_near(pictures.image, as_picture(expected, 4), kTolerance)) << name;
    if (i + 1 == layers) continue;
    const at::Tensor text = golden[name + ".out.context"];
    EXPECT_TRUE(testing::all_near(tokens.text, text, kTolerance)) << name;
    EXPECT_TRUE(testing::all_near(pictures.text, as_picture(text, 1), kTolerance)) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, Sd3Parts,
                         ::testing::Values("medium", "medium_35", "large_35", "patch_1"),
                         [](const auto& info) { return info.param; });

TEST(Sd3Transformer, AttentionMapsEqualTheSoftmaxOfDiffusers) {
  const Case c = read_case("medium_35", "plain");
  testing::Golden golden = golden_of("medium_35");
  auto model = load("medium_35");
  auto maps = std::make_shared<AttentionMaps>(
      [](const AttentionInfo& layer, int64_t step) {
        return layer.name.starts_with("transformer_blocks.0.") && step == 0;
      },
      MapHeads::kEach);
  model->set_attention_processor(maps);
  model->bind(c.conditioning, c.times);
  for (int64_t step : {0, 1}) {
    EXPECT_TRUE(testing::all_near(model->run(c.sample, step), c.outputs[step], kTolerance));
  }
  for (const std::string part : {"attn", "attn2"}) {
    const std::string layer = "transformer_blocks.0." + part;
    EXPECT_TRUE(testing::all_near(maps->map(layer, 0), golden["plain.map." + part], 2e-6));
    EXPECT_FALSE(maps->map(layer, 1).defined());
  }
}

TEST(Sd3Transformer, AttentionLayersAreNamedAsDiffusersNamesThem) {
  std::vector<std::string> names;
  for (const AttentionInfo& layer : load("medium_35")->attention_layers()) {
    names.push_back(layer.name);
    const bool is_second = layer.name.ends_with("attn2");
    EXPECT_EQ(layer.kind, is_second ? AttentionKind::kSelf : AttentionKind::kJoint);
    EXPECT_EQ(layer.heads, 2);
    EXPECT_EQ(layer.width, 16);
  }
  EXPECT_THAT(names, ElementsAre("transformer_blocks.0.attn", "transformer_blocks.0.attn2",
                                 "transformer_blocks.1.attn", "transformer_blocks.1.attn2",
                                 "transformer_blocks.2.attn", "transformer_blocks.3.attn"));
}

/// Adds a constant to what the text finds, and remembers where the text begins.
class TextChanger : public AttentionProcessor {
 public:
  at::Tensor attend(const AttentionCall& call) override {
    at::Tensor found = default_attention_processor()->attend(call).clone();
    image_tokens = call.image_tokens;
    found.narrow(2, image_tokens, found.size(2) - image_tokens).add_(1);
    return found;
  }
  int64_t image_tokens = 0;
};

TEST(Sd3Transformer, OneLayersProcessorCanBeReplacedAndPutBack) {
  const std::string layer = "transformer_blocks.1.attn";
  const Case c = read_case("medium", "plain");
  auto model = load("medium");
  model->bind(c.conditioning, c.times);
  const auto old = model->attention_processor(layer);
  auto changer = std::make_shared<TextChanger>();
  model->set_attention_processor(layer, changer);
  EXPECT_FALSE(testing::all_near(model->run(c.sample, 0), c.outputs[0], kTolerance));
  EXPECT_EQ(changer->image_tokens, 16);
  model->set_attention_processor(layer, old);
  EXPECT_TRUE(testing::all_near(model->run(c.sample, 0), c.outputs[0], kTolerance));
}

TEST(Sd3Transformer, AFileWithoutPositionsHasThoseThatDiffusersMakes) {
  WeightStore weights({data_path("medium.safetensors")});
  weights.rename([](const std::string& n) { return n == "pos_embed.pos_embed" ? "" : n; });
  const Sd3Transformer2DModel model(Weights(weights, {}), config_of("medium"));
  testing::Golden golden("sd3/positions.safetensors");
  const at::Tensor found = model.pos_embed().positions(7, 7).flatten(1, 2);
  EXPECT_TRUE(testing::all_near(found, golden["pos_embed"], 1e-7));
}

TEST(Sd3Transformer, APictureBeyondTheTableOfPositionsIsAnError) {
  auto model = load("medium");
  EXPECT_THAT(error_of([&] { model->pos_embed().positions(8, 3); }, ErrorKind::kUsage),
              HasSubstr("a picture of 3x8 patches is larger than the table of positions, 7x7"));
}

TEST(Sd3Transformer, RunsCanBeBoundOneAfterTheOther) {
  const Case first = read_case("medium_35", "plain");
  const Case second = read_case("medium_35", "rows");
  auto model = load("medium_35");
  for (const Case* c : {&first, &second, &first}) {
    model->bind(c->conditioning, c->times);
    EXPECT_TRUE(testing::all_near(model->run(c->sample, 0), c->outputs[0], kTolerance));
  }
}

TEST(Sd3Transformer, ACallLeavesWhatWasBoundAsItWas) {
  const Case c = read_case("medium_35", "plain");
  auto model = load("medium_35");
  const at::Tensor sample = c.sample.clone();
  model->bind(c.conditioning, c.times);
  const at::Tensor once = model->run(sample, 0);
  EXPECT_TRUE(at::equal(model->run(sample, 0), once));
  EXPECT_TRUE(at::equal(sample, c.sample));
}

TEST(Sd3Transformer, WeightsOfTheRightTypeStayViewsOfTheFile) {
  WeightStore weights({data_path("medium.safetensors")});
  const std::string name = "transformer_blocks.0.norm1.linear.weight";
  const at::Tensor stored = weights.take(name, weights.shape(name));
  const Sd3Transformer2DModel model(Weights(weights, {at::kCPU, at::kHalf}), config_of("medium"));
  EXPECT_EQ(model.named_parameters()[name].data_ptr(), stored.data_ptr());
}

TEST(Sd3Transformer, TensorsThatAreMissingMisshapenOrLeftOverAreNamed) {
  const auto error_with = [](auto change) {
    WeightStore weights({data_path("medium_35.safetensors")});
    Sd3Config config = config_of("medium_35");
    change(weights, config);
    return error_of([&] { load_sd3_transformer(config, weights, {}); });
  };
  const std::string lost = "transformer_blocks.1.attn2.norm_q.weight";
  EXPECT_THAT(error_with([&](WeightStore& weights, Sd3Config&) {
                weights.rename([&](const std::string& n) { return n == lost ? "" : n; });
              }),
              HasSubstr("tensor '" + lost + "' is missing"));
  EXPECT_THAT(error_with([](WeightStore&, Sd3Config& config) { config.text_width = 12; }),
              HasSubstr("tensor 'context_embedder.weight' should have the shape [16, 12], it has "
                        "[16, 10]"));
  EXPECT_THAT(error_with([](WeightStore&, Sd3Config& config) { config.dual_layers = {0}; }),
              HasSubstr("transformer_blocks.1."));
  EXPECT_THAT(error_with([](WeightStore&, Sd3Config& config) { config.layers = 3; }),
              HasSubstr("transformer_blocks.2."));
}

TEST(Sd3Transformer, ConditionsThatDoNotFitAreErrors) {
  const Case c = read_case("medium", "plain");
  auto model = load("medium");
  const auto error_with = [&](auto change) {
    Conditioning changed = c.conditioning;
    change(changed);
    return error_of([&] { model->bind(changed, c.times); });
  };
  EXPECT_THAT(error_with([](Conditioning& x) { x.text.reset(); }), HasSubstr("needs text states"));
  EXPECT_THAT(error_with([](Conditioning& x) { x.pooled.reset(); }),
              HasSubstr("needs pooled text states"));
  EXPECT_THAT(error_with([](Conditioning& x) { x.text = x.text.narrow(2, 0, 9); }),
              HasSubstr("text states should be 10 wide, found 9"));
  EXPECT_THAT(error_with([](Conditioning& x) { x.pooled = x.pooled.narrow(0, 0, 1); }),
              HasSubstr("as many rows as the text states, 2, found 1"));
}

}  // namespace
}  // namespace sd
