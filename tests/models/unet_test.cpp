#include "models/unet/unet.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "models/unet/unet_model.h"
#include "nn/attention_maps.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/temporary_folder.h"

namespace sd {
namespace {

using ::testing::HasSubstr;

// Measured: 7e-6 at most (the refiner, whose lowest level normalises groups of two numbers).
constexpr double kTolerance = 2e-5;

std::filesystem::path data_path(const std::string& name) {
  return testing::data_path("unet/" + name);
}

UNetConfig config_of(const std::string& network) {
  return read_unet_config(data_path(network + ".json"));
}

std::unique_ptr<UNet> load(const std::string& network, at::ScalarType dtype = at::kFloat) {
  WeightStore weights({data_path(network + ".safetensors")});
  return load_unet(data_path(network + ".json"), weights, {at::kCPU, dtype});
}

/// One recorded run of a network.
struct Case {
  at::Tensor sample;
  at::Tensor times;
  Conditioning conditioning;
  std::vector<at::Tensor> outputs;
  double bfloat16_error;  ///< mean square of diffusers' error over that of the output
};

Case read_case(const std::string& network, const std::string& name) {
  testing::Golden golden("unet/" + network + ".io.safetensors");
  auto find = [&](const std::string& key) {
    return golden.has(name + "." + key) ? golden[name + "." + key] : at::Tensor();
  };
  Case c{.sample = find("sample"),
         .times = find("times"),
         .conditioning = {.text = find("encoder_hidden_states"),
                          .pooled = find("text_embeds"),
                          .time_ids = find("time_ids"),
                          .class_labels = find("class_labels"),
                          .guidance_states = find("timestep_cond")},
         .outputs = {},
         .bfloat16_error = find("bfloat16_error").item<double>()};
  for (int64_t step = 0; step < c.times.size(0); ++step) {
    c.outputs.push_back(golden[name + ".out." + std::to_string(step)]);
  }
  return c;
}

Conditioning row_of(const Conditioning& c, int64_t row) {
  auto take = [&](const at::Tensor& x) { return x.defined() ? x.narrow(0, row, 1) : x; };
  Conditioning row_alone = c;
  for (at::Tensor* part : {&row_alone.text, &row_alone.pooled, &row_alone.time_ids,
                           &row_alone.class_labels, &row_alone.guidance_states}) {
    *part = take(*part);
  }
  return row_alone;
}

struct Network {
  std::string name;
  std::string run;

  friend void PrintTo(const Network& n, std::ostream* out) { *out << n.name << ", " << n.run; }
};

/// The networks are too small to share out.
const bool kOneThread = (at::set_num_threads(1), true);

class UNetGolden : public ::testing::TestWithParam<Network> {};

TEST_P(UNetGolden, EveryStepOfARunEqualsDiffusers) {
  const Case c = read_case(GetParam().name, GetParam().run);
  auto unet = load(GetParam().name);
  unet->bind(c.conditioning, c.times);
  for (size_t step = 0; step < c.outputs.size(); ++step) {
    EXPECT_TRUE(testing::all_near(unet->run(c.sample, step), c.outputs[step], kTolerance))
        << "step " << step;
  }
}

TEST_P(UNetGolden, StepsMayComeInAnyOrder) {
  const Case c = read_case(GetParam().name, GetParam().run);
  auto unet = load(GetParam().name);
  unet->bind(c.conditioning, c.times);
  for (size_t step = c.outputs.size(); step-- > 0;) {
    EXPECT_TRUE(testing::all_near(unet->run(c.sample, step), c.outputs[step], kTolerance));
  }
}

TEST_P(UNetGolden, Bfloat16IsAsCloseAsThatOfDiffusers) {
  const Case c = read_case(GetParam().name, GetParam().run);
  auto unet = load(GetParam().name, at::kBFloat16);
  unet->bind(c.conditioning, c.times);
  const at::Tensor out = unet->run(c.sample.to(at::kBFloat16), 0);
  ASSERT_EQ(out.scalar_type(), at::kBFloat16);
  const at::Tensor error = out.to(at::kFloat) - c.outputs[0];
  const double found = (error.square().mean() / c.outputs[0].square().mean()).item<double>();
  EXPECT_LT(found, 2 * c.bfloat16_error);  // the same roundings in another order
}

TEST_P(UNetGolden, ParametersAreExactlyTheTensorsOfTheFile) {
  WeightStore weights({data_path(GetParam().name + ".safetensors")});
  const UNet2DConditionModel unet(Weights(weights, {}), config_of(GetParam().name));
  EXPECT_TRUE(testing::has_exactly_the_tensors(unet, data_path(GetParam().name + ".safetensors")));
}

INSTANTIATE_TEST_SUITE_P(
    Networks, UNetGolden,
    ::testing::Values(Network{"sd1", "plain"}, Network{"sd1", "odd"}, Network{"sd1", "run"},
                      Network{"sd1", "rows"}, Network{"sd2", "plain"}, Network{"inpaint", "plain"},
                      Network{"pix2pix", "plain"}, Network{"sdxl", "plain"}, Network{"sdxl", "odd"},
                      Network{"refiner", "plain"}, Network{"lcm", "plain"},
                      Network{"upscaler", "plain"}, Network{"class_timestep", "plain"},
                      Network{"class_identity", "plain"}, Network{"class_projection", "plain"},
                      Network{"class_simple_projection", "plain"}, Network{"class_concat", "plain"},
                      Network{"text_added", "plain"}, Network{"scale_shift", "plain"},
                      Network{"scale_shift", "odd"}, Network{"fourier", "plain"},
                      Network{"uneven", "plain"}, Network{"uneven", "odd"},
                      Network{"without_effect", "plain"}),
    [](const auto& info) { return info.param.name + "_" + info.param.run; });

/// oneDNN chooses its convolution by the size of the batch, and with it the order of summation;
/// without it every convolution is a matrix product for each image.
class UNetRows : public ::testing::TestWithParam<Network> {
 protected:
  UNetRows() { at::globalContext().setUserEnabledMkldnn(false); }
  ~UNetRows() override { at::globalContext().setUserEnabledMkldnn(true); }
};

TEST_P(UNetRows, ARowAloneEqualsItselfInABatchToTheBit) {
  const Case c = read_case(GetParam().name, GetParam().run);
  auto unet = load(GetParam().name);
  // Sizes at which every row of every layer fills whole vectors: ATen computes what is left over
  // with another exponential.
  const at::Tensor sample = at::randn({c.sample.size(0), c.sample.size(1), 16, 16});
  unet->bind(c.conditioning, c.times);
  const at::Tensor together = unet->run(sample, 1);
  for (int64_t row = 0; row < sample.size(0); ++row) {
    const bool has_columns = c.times.dim() == 2;
    unet->bind(row_of(c.conditioning, row), has_columns ? c.times.narrow(1, row, 1) : c.times);
    const at::Tensor alone = unet->run(sample.narrow(0, row, 1), 1);
    EXPECT_TRUE(at::equal(alone, together.narrow(0, row, 1)))
        << "row " << row << ", max |difference| "
        << at::max(at::abs(alone - together.narrow(0, row, 1))).item<double>();
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, UNetRows,
                         ::testing::Values(Network{"sd1", "run"}, Network{"sd1", "rows"},
                                           Network{"sdxl", "odd"}, Network{"uneven", "odd"}),
                         [](const auto& info) { return info.param.name + "_" + info.param.run; });

TEST(UNet, TableInChunksGivesTheSameNumbers) {
  const Case c = read_case("sd1", "rows");
  WeightStore weights({data_path("sd1.safetensors")});
  UNet2DConditionModel unet(Weights(weights, {}), config_of("sd1"), /*table_budget=*/1);
  unet.bind(c.conditioning, c.times);
  for (int64_t step : {1, 0, 1}) {
    EXPECT_TRUE(testing::all_near(unet.run(c.sample, step), c.outputs[step], kTolerance));
  }
}

TEST(StepTable, MakesEachChunkOnceAndKeepsTheRowInPlace) {
  std::vector<std::pair<int64_t, int64_t>> made;
  StepTable table(5, /*bytes_per_step=*/40, /*budget=*/90, [&](int64_t first, int64_t count) {
    made.emplace_back(first, count);
    return at::arange(first, first + count, at::kFloat).view({count, 1, 1});
  });
  const void* address = table.row(0).data_ptr();
  for (int64_t step = 0; step < 5; ++step) {
    EXPECT_EQ(table.row(step).item<float>(), step);
    EXPECT_EQ(table.row(step).data_ptr(), address);
  }
  EXPECT_EQ(table.row(3).item<float>(), 3);
  EXPECT_EQ(made, (std::vector<std::pair<int64_t, int64_t>>{{0, 2}, {2, 2}, {4, 1}, {2, 2}}));
}

TEST(UNet, RunsCanBeBoundOneAfterTheOther) {
  const Case first = read_case("sd1", "plain");
  const Case second = read_case("sd1", "rows");
  auto unet = load("sd1");
  for (const Case* c : {&first, &second, &first}) {
    unet->bind(c->conditioning, c->times);
    EXPECT_TRUE(testing::all_near(unet->run(c->sample, 0), c->outputs[0], kTolerance));
  }
}

TEST(UNet, AcceptsASampleInEitherLayout) {
  const Case c = read_case("sd1", "plain");
  auto unet = load("sd1");
  unet->bind(c.conditioning, c.times);
  const at::Tensor channels_last = c.sample.contiguous(at::MemoryFormat::ChannelsLast);
  EXPECT_TRUE(at::equal(unet->run(channels_last, 0), unet->run(c.sample, 0)));
}

TEST(UNet, AttentionLayersComeInTheOrderOfDiffusers) {
  for (const std::string network : {"sdxl", "uneven"}) {
    std::string names;
    for (const AttentionInfo& layer : load(network)->attention_layers()) names += layer.name + "\n";
    EXPECT_EQ(names, read_text(data_path(network + ".layers.txt")));
  }
}

TEST(UNet, AttentionInfoTellsLayersApart) {
  const auto layers = load("sd1")->attention_layers();
  auto layer = [&](const std::string& end) {
    return *std::find_if(layers.begin(), layers.end(), [&](const AttentionInfo& info) {
      return info.name == "down_blocks.1.attentions.0.transformer_blocks.0." + end;
    });
  };
  EXPECT_EQ(layer("attn1").kind, AttentionKind::kSelf);
  EXPECT_EQ(layer("attn1").context_width, 8);
  EXPECT_EQ(layer("attn2").kind, AttentionKind::kCross);
  EXPECT_EQ(layer("attn2").context_width, 6);
  EXPECT_EQ(layer("attn2").width, 8);
  EXPECT_EQ(layer("attn2").heads, 2);
}

TEST(UNet, AttentionMapsEqualTheSoftmaxOfDiffusers) {
  const std::string block = "down_blocks.1.attentions.0.transformer_blocks.0.";
  const Case c = read_case("sd1", "plain");
  testing::Golden golden("unet/sd1.io.safetensors");
  auto unet = load("sd1");
  auto watch = [&](const AttentionInfo& layer, int64_t step) {
    return layer.name.starts_with(block) && step == 0;
  };
  auto each = std::make_shared<AttentionMaps>(watch, MapHeads::kEach);
  auto average = std::make_shared<AttentionMaps>(watch, MapHeads::kAverage);
  for (const auto& maps : {each, average}) {
    unet->set_attention_processor(maps);
    unet->bind(c.conditioning, c.times);
    for (int64_t step : {0, 1}) {
      EXPECT_TRUE(testing::all_near(unet->run(c.sample, step), c.outputs[step], kTolerance));
    }
  }
  for (const std::string part : {"attn1", "attn2"}) {
    const at::Tensor expected = golden["plain.map." + part];
    EXPECT_TRUE(testing::all_near(each->map(block + part, 0), expected, 2e-6));
    EXPECT_TRUE(testing::all_near(average->map(block + part, 0), expected.mean(1), 2e-6));
    EXPECT_FALSE(each->map(block + part, 1).defined());
  }
  EXPECT_FALSE(each->map("mid_block.attentions.0.transformer_blocks.0.attn2", 0).defined());
}

/// Adds a constant to what one layer attends to.
class AddingProcessor : public AttentionProcessor {
 public:
  at::Tensor attend(const AttentionCall& call) override {
    seen = call.layer.name;
    return default_attention_processor()->attend(call) + 1;
  }
  std::string seen;
};

TEST(UNet, OneLayersProcessorCanBeReplacedAndPutBack) {
  const std::string layer = "mid_block.attentions.0.transformer_blocks.0.attn2";
  const Case c = read_case("sd1", "plain");
  auto unet = load("sd1");
  unet->bind(c.conditioning, c.times);
  const auto old = unet->attention_processor(layer);
  auto adding = std::make_shared<AddingProcessor>();
  unet->set_attention_processor(layer, adding);
  EXPECT_FALSE(testing::all_near(unet->run(c.sample, 0), c.outputs[0], kTolerance));
  EXPECT_EQ(adding->seen, layer);
  unet->set_attention_processor(layer, old);
  EXPECT_TRUE(testing::all_near(unet->run(c.sample, 0), c.outputs[0], kTolerance));
}

TEST(UNet, WeightsOfTheRightTypeStayViewsOfTheFile) {
  WeightStore weights({data_path("sd1.safetensors")});
  const std::string name = "time_embedding.linear_1.weight";
  const at::Tensor stored = weights.take(name, weights.shape(name));
  const UNet2DConditionModel unet(Weights(weights, {at::kCPU, at::kHalf}), config_of("sd1"));
  EXPECT_EQ(unet.named_parameters()[name].data_ptr(), stored.data_ptr());
}

TEST(UNet, MissingTensorIsNamed) {
  WeightStore weights({data_path("sd1.safetensors")});
  const std::string lost = "mid_block.resnets.1.conv2.bias";
  weights.rename([&](const std::string& name) { return name == lost ? "" : name; });
  EXPECT_THAT(error_of([&] { load_unet(data_path("sd1.json"), weights, {}); }),
              HasSubstr("tensor 'mid_block.resnets.1.conv2.bias' is missing"));
}

TEST(UNet, MisshapenTensorIsNamedWithBothShapes) {
  WeightStore weights({data_path("sd1.safetensors")});
  UNetConfig config = config_of("sd1");
  config.in_channels = 9;
  EXPECT_THAT(error_of([&] { load_unet(config, weights, {}); }),
              HasSubstr("tensor 'conv_in.weight' should have the shape [4, 9, 3, 3], it has "
                        "[4, 4, 3, 3]"));
}

TEST(UNet, LeftOverTensorIsNamed) {
  WeightStore weights({data_path("sd1.safetensors")});
  UNetConfig config = config_of("sd1");
  config.mid_type = UNetMidType::kNone;
  EXPECT_THAT(error_of([&] { load_unet(config, weights, {}); }), HasSubstr("'mid_block."));
}

TEST(UNet, ConditionsThatDoNotFitAreErrors) {
  const Case c = read_case("sdxl", "plain");
  auto unet = load("sdxl");
  auto error_with = [&](auto change) {
    Conditioning changed = c.conditioning;
    change(changed);
    return error_of([&] { unet->bind(changed, c.times); });
  };
  EXPECT_THAT(error_with([](Conditioning& x) { x.pooled.reset(); }),
              HasSubstr("pooled text states"));
  EXPECT_THAT(error_with([](Conditioning& x) { x.time_ids.reset(); }), HasSubstr("time ids"));
  EXPECT_THAT(error_with([](Conditioning& x) { x.text.reset(); }), HasSubstr("text states"));
  EXPECT_THAT(error_with([](Conditioning& x) { x.time_ids = x.time_ids.narrow(1, 0, 5); }),
              HasSubstr("pooled text and time ids together should be 32 wide, found 28"));
  EXPECT_THAT(error_with([](Conditioning& x) { x.text = x.text.narrow(2, 0, 5); }),
              HasSubstr("text states should be 6 wide, found 5"));
  EXPECT_THAT(error_with([](Conditioning& x) { x.pooled = x.pooled.narrow(0, 0, 1); }),
              HasSubstr("should have 2 rows each, found 1"));
  EXPECT_THAT(error_with([](Conditioning& x) {
                x.guidance_states = at::zeros({2, 6});
              }),
              HasSubstr("no embedded guidance scale"));
}

TEST(UNet, ClassLabelOutsideTheTableIsAnError) {
  const Case c = read_case("upscaler", "plain");
  Conditioning conditioning = c.conditioning;
  conditioning.class_labels = at::full({2}, 10, at::kLong);
  auto unet = load("upscaler");
  EXPECT_THAT(error_of([&] { unet->bind(conditioning, c.times); }),
              HasSubstr("should lie from 0 to 9, found 10 to 10"));
}

}  // namespace
}  // namespace sd
