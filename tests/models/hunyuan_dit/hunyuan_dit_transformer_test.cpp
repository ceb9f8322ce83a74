#include "models/hunyuan_dit/hunyuan_dit_transformer.h"

#include <ATen/Parallel.h>
#include <ATen/ops/ones_like.h>
#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nn/attention_maps.h"
#include "tests/models/hunyuan_dit/cases.h"
#include "tests/support/errors.h"

namespace sd {
namespace {

using namespace hunyuan_cases;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double kTolerance = 1e-5;

/// The networks are too small to share out.
const bool kOneThread = (at::set_num_threads(1), true);

class HunyuanDitGolden : public ::testing::TestWithParam<Network> {};

TEST_P(HunyuanDitGolden, EveryStepOfARunEqualsDiffusers) {
  const Case c = read_case(GetParam().name, GetParam().run);
  auto model = load(GetParam().name);
  model->bind(c.conditioning, c.times);
  for (size_t step = 0; step < c.outputs.size(); ++step) {
    EXPECT_TRUE(testing::all_near(model->run(c.sample, step), c.outputs[step], kTolerance))
        << "step " << step;
  }
}

TEST_P(HunyuanDitGolden, ATableOfModulationsInChunksGivesTheSame) {
  const Case c = read_case(GetParam().name, GetParam().run);
  auto whole = load(GetParam().name);
  auto chunked = load(GetParam().name, at::kFloat, /*budget=*/1);
  whole->bind(c.conditioning, c.times);
  chunked->bind(c.conditioning, c.times);
  for (size_t step = c.outputs.size(); step-- > 0;) {
    EXPECT_TRUE(testing::all_near(chunked->run(c.sample, step), whole->run(c.sample, step), 2e-6));
  }
}

/// A product's last bits depend on how many rows it has, so the same steps are bound in both.
TEST_P(HunyuanDitGolden, AChunkOfATableHasTheBitsOfARunOfItsSteps) {
  const Case c = read_case(GetParam().name, GetParam().run);
  const at::Tensor times = at::cat({c.times, c.times + 7, c.times - 0.25}, 0);
  const int64_t rows = c.sample.size(0);
  const HunyuanDitConfig config = config_of(GetParam().name);
  const int64_t step_bytes = rows * (config.layers + 2) * config.width() * 4;
  constexpr int64_t kChunk = 2;
  auto whole = load(GetParam().name);
  auto chunked = load(GetParam().name, at::kFloat, kChunk * step_bytes);
  chunked->bind(c.conditioning, times);
  for (int64_t first = 0; first < times.size(0); first += kChunk) {
    const int64_t count = std::min(kChunk, times.size(0) - first);
    whole->bind(c.conditioning, times.narrow(0, first, count));
    for (int64_t i = 0; i < count; ++i) {
      EXPECT_TRUE(at::equal(chunked->run(c.sample, first + i), whole->run(c.sample, i)))
          << "step " << first + i;
    }
  }
}

TEST_P(HunyuanDitGolden, ARowOfABatchIsTheRowAlone) {
  const Case c = read_case(GetParam().name, GetParam().run);
  auto model = load(GetParam().name);
  model->bind(c.conditioning, c.times);
  const at::Tensor all = model->run(c.sample, 0);
  for (int64_t row = 0; row < all.size(0); ++row) {
    const at::Tensor times = c.times.dim() == 2 ? c.times.narrow(1, row, 1) : c.times;
    model->bind(row_of(c.conditioning, row), times);
    EXPECT_TRUE(testing::all_near(model->run(c.sample.narrow(0, row, 1), 0), all.narrow(0, row, 1),
                                  kTolerance));
  }
}

/// In bits: what the other rows are changes nothing.
TEST_P(HunyuanDitGolden, ARowOfABatchSeesNothingOfTheOthers) {
  Case c = read_case(GetParam().name, GetParam().run);
  auto model = load(GetParam().name);
  model->bind(c.conditioning, c.times);
  const at::Tensor before = model->run(c.sample, 0);
  const int64_t last = c.sample.size(0) - 1;
  Conditioning& told = c.conditioning;
  for (at::Tensor* part : {&told.text, &told.t5, &told.time_ids, &c.sample}) {
    if (part->defined()) *part = at::cat({part->narrow(0, 0, last) + 1, part->narrow(0, last, 1)});
  }
  for (at::Tensor* part : {&told.text_mask, &told.t5_mask}) {
    *part = at::cat({part->narrow(0, 0, last).logical_not(), part->narrow(0, last, 1)});
  }
  model->bind(told, c.times);
  const at::Tensor after = model->run(c.sample, 0);
  EXPECT_TRUE(at::equal(after[last], before[last]));
  for (int64_t row = 0; row < last; ++row) EXPECT_FALSE(at::equal(after[row], before[row]));
}

TEST_P(HunyuanDitGolden, Bfloat16IsAsCloseAsThatOfDiffusers) {
  const Case c = read_case(GetParam().name, GetParam().run);
  auto model = load(GetParam().name, at::kBFloat16);
  model->bind(condition_as(c.conditioning, at::kBFloat16), c.times);
  const at::Tensor out = model->run(c.sample.to(at::kBFloat16), 0);
  ASSERT_EQ(out.scalar_type(), at::kBFloat16);
  const at::Tensor error = out.to(at::kFloat) - c.outputs[0];
  const double found = (error.square().mean() / c.outputs[0].square().mean()).item<double>();
  EXPECT_LT(found, 2 * c.bfloat16_error);  // the same roundings in another order
}

TEST_P(HunyuanDitGolden, ParametersAreExactlyTheTensorsOfTheFile) {
  auto model = load(GetParam().name);
  EXPECT_TRUE(
      testing::has_exactly_the_tensors(*model, data_path(GetParam().name + ".safetensors")));
}

INSTANTIATE_TEST_SUITE_P(Networks, HunyuanDitGolden,
                         ::testing::Values(Network{"v1_1", "square"}, Network{"v1_1", "wide"},
                                           Network{"v1_1", "high"}, Network{"v1_2", "square"},
                                           Network{"v1_2", "wide"}, Network{"v1_2", "high"},
                                           Network{"plain", "square"}, Network{"plain", "wide"}),
                         [](const auto& info) { return info.param.name + "_" + info.param.run; });

TEST(HunyuanDitTransformer, AttentionMapsEqualTheSoftmaxOfDiffusers) {
  const Case c = read_case("v1_2", "square");
  testing::Golden golden = golden_of("v1_2");
  auto model = load("v1_2");
  auto maps = std::make_shared<AttentionMaps>(
      [](const AttentionInfo& layer, int64_t step) {
        return layer.name.starts_with("blocks.5.") && step == 0;
      },
      MapHeads::kEach);
  model->set_attention_processor(maps);
  model->bind(c.conditioning, c.times);
  for (int64_t step : {0, 1}) {
    EXPECT_TRUE(testing::all_near(model->run(c.sample, step), c.outputs[step], kTolerance));
  }
  for (const std::string part : {"attn1", "attn2"}) {
    EXPECT_TRUE(
        testing::all_near(maps->map("blocks.5." + part, 0), golden["square.map." + part], 2e-6));
    EXPECT_FALSE(maps->map("blocks.5." + part, 1).defined());
    EXPECT_FALSE(maps->map("blocks.4." + part, 0).defined());
  }
}

TEST(HunyuanDitTransformer, AttentionLayersAreNamedAsDiffusersNamesThem) {
  std::vector<std::string> names;
  for (const AttentionInfo& layer : load("v1_1")->attention_layers()) {
    names.push_back(layer.name);
    const bool is_self = layer.name.ends_with("attn1");
    EXPECT_EQ(layer.kind, is_self ? AttentionKind::kSelf : AttentionKind::kCross);
    EXPECT_EQ(layer.heads, 2);
    EXPECT_EQ(layer.width, 8);
    EXPECT_EQ(layer.context_width, is_self ? 8 : 12);
  }
  EXPECT_THAT(names,
              ElementsAre("blocks.0.attn1", "blocks.0.attn2", "blocks.1.attn1", "blocks.1.attn2",
                          "blocks.2.attn1", "blocks.2.attn2", "blocks.3.attn1", "blocks.3.attn2"));
}

/// Finds nothing but ones.
class Ones : public AttentionProcessor {
 public:
  at::Tensor attend(const AttentionCall& call) override {
    image_tokens = call.image_tokens;
    keys = call.k.size(2);
    return at::ones_like(call.q);
  }
  int64_t image_tokens = 0;
  int64_t keys = 0;
};

TEST(HunyuanDitTransformer, OneLayersProcessorCanBeReplacedAndPutBack) {
  const std::string layer = "blocks.3.attn2";
  const Case c = read_case("v1_1", "square");
  auto model = load("v1_1");
  model->bind(c.conditioning, c.times);
  const auto old = model->attention_processor(layer);
  auto ones = std::make_shared<Ones>();
  model->set_attention_processor(layer, ones);
  EXPECT_FALSE(testing::all_near(model->run(c.sample, 0), c.outputs[0], kTolerance));
  EXPECT_EQ(ones->image_tokens, 16);
  EXPECT_EQ(ones->keys, 12);
  model->set_attention_processor(layer, old);
  EXPECT_TRUE(testing::all_near(model->run(c.sample, 0), c.outputs[0], kTolerance));
}

TEST(HunyuanDitTransformer, RunsCanBeBoundOneAfterTheOther) {
  const Case first = read_case("v1_2", "square");
  const Case second = read_case("v1_2", "high");
  auto model = load("v1_2");
  for (const Case* c : {&first, &second, &first}) {
    model->bind(c->conditioning, c->times);
    EXPECT_TRUE(testing::all_near(model->run(c->sample, 0), c->outputs[0], kTolerance));
  }
}

TEST(HunyuanDitTransformer, ACallLeavesWhatWasBoundAsItWas) {
  const Case c = read_case("v1_2", "square");
  auto model = load("v1_2");
  const at::Tensor sample = c.sample.clone();
  model->bind(c.conditioning, c.times);
  const at::Tensor once = model->run(sample, 0);
  EXPECT_TRUE(at::equal(model->run(sample, 0), once));
  EXPECT_TRUE(at::equal(sample, c.sample));
}

TEST(HunyuanDitTransformer, TextWithoutAMaskIsAllText) {
  Case c = read_case("v1_2", "square");
  auto model = load("v1_2");
  c.conditioning.text_mask = at::ones_like(c.conditioning.text_mask);
  c.conditioning.t5_mask = at::ones_like(c.conditioning.t5_mask);
  model->bind(c.conditioning, c.times);
  const at::Tensor expected = model->run(c.sample, 0);
  EXPECT_FALSE(testing::all_near(expected, c.outputs[0], kTolerance));
  c.conditioning.text_mask.reset();
  c.conditioning.t5_mask.reset();
  model->bind(c.conditioning, c.times);
  EXPECT_TRUE(at::equal(model->run(c.sample, 0), expected));
}

/// A run whose time and sizes bfloat16 cannot hold, and the rounded time of its first row.
class HunyuanDitRounding : public ::testing::TestWithParam<std::string> {
 protected:
  HunyuanDitRounding() {
    testing::Golden golden = golden_of(GetParam());
    conditioning_ = condition_as(condition_of(golden, "rounding"), at::kBFloat16);
    times_ = golden["rounding.times"];
    sample_ = golden["square.sample"].to(at::kBFloat16);
  }

  at::Tensor run(bool rounded) {
    conditioning_.rounded_times = rounded;
    model_->bind(conditioning_, times_);
    return model_->run(sample_, 0);
  }

  Conditioning conditioning_;
  at::Tensor times_;
  at::Tensor sample_;
  std::unique_ptr<HunyuanDit2DModel> model_ = load(GetParam(), at::kBFloat16);
};

TEST_P(HunyuanDitRounding, OnRequestTheTimeAndTheSizesAreRoundedToTheType) {
  const at::Tensor plain = run(/*rounded=*/false);
  const at::Tensor rounded = run(/*rounded=*/true);
  EXPECT_FALSE(at::equal(rounded, plain));
  times_ = at::tensor({980.0f, 260.0f}).unsqueeze(0);
  if (conditioning_.time_ids.defined()) {
    conditioning_.time_ids =
        at::tensor({1020.0f, 1280.0f, 772.0f, 1280.0f, 3.0f, 256.0f}).expand({2, 6});
  }
  EXPECT_TRUE(at::equal(run(/*rounded=*/false), rounded));
}

INSTANTIATE_TEST_SUITE_P(Networks, HunyuanDitRounding, ::testing::Values("v1_1", "v1_2"),
                         [](const auto& info) { return info.param; });

TEST(HunyuanDitTransformer, InFloat32NothingIsRounded) {
  Case c = read_case("v1_1", "high");
  auto model = load("v1_1");
  c.conditioning.rounded_times = true;
  model->bind(c.conditioning, c.times);
  EXPECT_TRUE(testing::all_near(model->run(c.sample, 0), c.outputs[0], kTolerance));
}

TEST(HunyuanDitTransformer, WeightsOfTheRightTypeStayViewsOfTheFile) {
  WeightStore weights({data_path("v1_2.safetensors")});
  const std::string name = "blocks.0.attn1.to_q.weight";
  const at::Tensor stored = weights.take(name, weights.shape(name));
  const HunyuanDit2DModel model(Weights(weights, {at::kCPU, at::kHalf}), config_of("v1_2"));
  EXPECT_EQ(model.named_parameters()[name].data_ptr(), stored.data_ptr());
}

/// What the factory says of a network whose weights or config were changed.
template <typename Change>
std::string load_error(const std::string& network, Change&& change) {
  WeightStore weights({data_path(network + ".safetensors")});
  HunyuanDitConfig config = config_of(network);
  change(weights, config);
  return error_of([&] { load_hunyuan_dit_transformer(config, weights, {}); });
}

TEST(HunyuanDitTransformer, TensorsThatAreMissingMisshapenOrLeftOverAreNamed) {
  const std::string lost = "blocks.3.skip_linear.bias";
  EXPECT_THAT(load_error("v1_1",
                         [&](WeightStore& weights, HunyuanDitConfig&) {
                           weights.rename([&](const std::string& n) { return n == lost ? "" : n; });
                         }),
              HasSubstr("tensor '" + lost + "' is missing"));
  EXPECT_THAT(load_error("v1_1", [](WeightStore&, HunyuanDitConfig& c) { c.t5_length = 8; }),
              HasSubstr("tensor 'text_embedding_padding' should have the shape [13, 12], it has "
                        "[12, 12]"));
  EXPECT_THAT(load_error("v1_1", [](WeightStore&, HunyuanDitConfig& c) { c.mlp_ratio = 4; }),
              HasSubstr("tensor 'blocks.0.ff.net.0.proj.weight' should have the shape [32, 8], it "
                        "has [34, 8]"));
  EXPECT_THAT(load_error("v1_1", [](WeightStore&, HunyuanDitConfig& c) { c.layers = 6; }),
              HasSubstr("blocks.4.skip_norm.weight' is missing"));
  EXPECT_THAT(load_error("plain", [](WeightStore&, HunyuanDitConfig& c) { c.layers = 1; }),
              HasSubstr("blocks.1."));
}

TEST(HunyuanDitTransformer, WeightsOfAnotherVersionThanTheConfigAreNamed) {
  EXPECT_THAT(load_error("v1_2", [](WeightStore&,
                                    HunyuanDitConfig& c) { c.meta = PictureMeta::kSizesAndStyle; }),
              AllOf(HasSubstr("v1_2.safetensors: tensor "
                              "'time_extra_emb.style_embedder.weight' is missing"),
                    HasSubstr("that of HunyuanDiT 1.0 or 1.1")));
  EXPECT_THAT(
      load_error("v1_1", [](WeightStore&, HunyuanDitConfig& c) { c.meta = PictureMeta::kNone; }),
      AllOf(HasSubstr("v1_1.safetensors: tensor "
                      "'time_extra_emb.style_embedder.weight' is not expected"),
            HasSubstr("these are weights of 1.0 or 1.1")));
}

TEST(HunyuanDitTransformer, ConditionsThatDoNotFitAreErrors) {
  const Case c = read_case("v1_1", "square");
  auto model = load("v1_1");
  const auto error_with = [&](auto change) {
    Conditioning changed = c.conditioning;
    change(changed);
    return error_of([&] { model->bind(changed, c.times); });
  };
  EXPECT_THAT(error_with([](Conditioning& x) { x.text.reset(); }), HasSubstr("needs text states"));
  EXPECT_THAT(error_with([](Conditioning& x) { x.t5.reset(); }), HasSubstr("needs T5 states"));
  EXPECT_THAT(error_with([](Conditioning& x) { x.time_ids.reset(); }),
              HasSubstr("needs sizes of the pictures"));
  EXPECT_THAT(error_with([](Conditioning& x) { x.rope.reset(); }),
              HasSubstr("needs rotary positions"));
  EXPECT_THAT(error_with([](Conditioning& x) { x.text = x.text.narrow(1, 0, 4); }),
              HasSubstr("text states should have the shape [2, 5, 12], found [2, 4, 12]"));
  EXPECT_THAT(error_with([](Conditioning& x) { x.t5 = x.t5.narrow(0, 0, 1); }),
              HasSubstr("T5 states should have the shape [2, 7, 16], found [1, 7, 16]"));
  EXPECT_THAT(error_with([](Conditioning& x) { x.text_mask = x.text_mask.narrow(1, 0, 4); }),
              HasSubstr("masks of the text should have the shape [2, 5], found [2, 4]"));
  EXPECT_THAT(error_with([](Conditioning& x) { x.t5_mask = x.t5_mask.narrow(1, 0, 4); }),
              HasSubstr("masks of T5 should have the shape [2, 7], found [2, 4]"));
  EXPECT_THAT(error_with([](Conditioning& x) { x.time_ids = x.time_ids.narrow(1, 0, 5); }),
              HasSubstr("sizes of the pictures should have the shape [2, 6], found [2, 5]"));
  EXPECT_THAT(error_with([](Conditioning& x) { x.rope = x.rope.narrow(2, 0, 2); }),
              HasSubstr("rotary positions should have the shape [2, 16, 4], found [2, 16, 2]"));
}

TEST(HunyuanDitTransformer, LatentsThatAreNoWholePatchesAreAnError) {
  const Case c = read_case("v1_1", "square");
  auto model = load("v1_1");
  model->bind(c.conditioning, c.times);
  EXPECT_THAT(error_of(
                  [&] {
                    model->run(at::zeros({2, 4, 8, 7}), 0);
                  },
                  ErrorKind::kUsage),
              HasSubstr("latents of 7x8 cells cannot be cut into patches of 2x2"));
}

}  // namespace
}  // namespace sd
