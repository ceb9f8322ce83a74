#include <ATen/Parallel.h>
#include <cmath>
#include <gtest/gtest.h>

#include "tests/models/hunyuan_dit/cases.h"

namespace sd {
namespace {

using namespace hunyuan_cases;

constexpr double kTolerance = 1e-5;

const bool kOneThread = (at::set_num_threads(1), true);

/// A network bound to its recorded run of square pictures.
class HunyuanDitParts : public ::testing::TestWithParam<std::string> {
 protected:
  HunyuanDitParts() { model_->bind(case_.conditioning, case_.times); }

  at::Tensor operator[](const std::string& name) { return golden_["square." + name]; }

  testing::Golden golden_ = golden_of(GetParam());
  Case case_ = read_case(GetParam(), "square");
  std::unique_ptr<HunyuanDit2DModel> model_ = load(GetParam());
  at::Tensor rotation_ = rotation_of(case_.conditioning.rope);
  size_t layers_ = static_cast<size_t>(config_of(GetParam()).layers);
};

TEST_P(HunyuanDitParts, BlocksWithAndWithoutSkipEqualDiffusers) {
  const at::Tensor activated = at::silu((*this)["temb"]);
  for (size_t i = 0; i < layers_; ++i) {
    const std::string name = "block." + std::to_string(i);
    const HunyuanDitBlock& block = model_->block(i);
    EXPECT_EQ(block.has_skip(), golden_.has("square." + name + ".skip"));
    const at::Tensor skip = block.has_skip() ? (*this)[name + ".skip"] : at::Tensor();
    const at::Tensor out = block.forward((*this)[name + ".x"], skip,
                                         {.shift = block.shift(activated), .rotation = rotation_});
    EXPECT_TRUE(testing::all_near(out, (*this)[name + ".out"], kTolerance)) << name;
  }
}

/// Given the same shift: that is a product of one vector, which has another order of summation than
/// a product of several.
TEST_P(HunyuanDitParts, ABlockMakesOfARowTheSameBitsAloneAndInABatch) {
  const at::Tensor text = model_->embed_text(case_.conditioning);
  const int64_t width = model_->config().width();
  const at::Tensor x = at::randn({2, 16, width});
  const at::Tensor skip = at::randn({2, 16, width});
  const at::Tensor shift = at::randn({2, width});
  for (size_t i = 0; i < layers_; ++i) {
    HunyuanDitBlock& block = model_->block(i);
    block.bind(text);
    const at::Tensor both = block.forward(x, skip, {.shift = shift, .rotation = rotation_});
    for (int64_t row : {0, 1}) {
      const auto alone = [&](const at::Tensor& all) { return all.narrow(0, row, 1); };
      block.bind(alone(text));
      const at::Tensor one =
          block.forward(alone(x), alone(skip), {.shift = alone(shift), .rotation = rotation_});
      EXPECT_TRUE(at::equal(one, alone(both))) << "block " << i << ", row " << row;
    }
  }
}

TEST_P(HunyuanDitParts, BothAttentionsEqualDiffusers) {
  for (const size_t i : {size_t{0}, layers_ - 1}) {
    const std::string name = "block." + std::to_string(i);
    const at::Tensor self =
        model_->block(i).self_attention().forward((*this)[name + ".attn1.x"], rotation_, 0);
    EXPECT_TRUE(testing::all_near(self, (*this)[name + ".attn1.out"], kTolerance));
    const at::Tensor cross =
        model_->block(i).cross_attention().forward((*this)[name + ".attn2.x"], rotation_, 0);
    EXPECT_TRUE(testing::all_near(cross, (*this)[name + ".attn2.out"], kTolerance));
  }
}

TEST_P(HunyuanDitParts, PaddingIsReplacedByWhatWasLearnedForItsPlace) {
  const at::Tensor text = model_->embed_text(case_.conditioning);
  EXPECT_TRUE(testing::all_near(text, (*this)["padded_text"], kTolerance));
  const at::Tensor learned = model_->named_parameters()["text_embedding_padding"];
  EXPECT_TRUE(at::equal(text[0][3], learned[3])) << "behind three tokens of BERT's";
  EXPECT_TRUE(at::equal(text[1][5 + 2], learned[5 + 2])) << "behind two tokens of T5's";
}

TEST_P(HunyuanDitParts, PooledTextEqualsDiffusers) {
  WeightStore weights({data_path(GetParam() + ".safetensors")});
  const HunyuanDitConfig config = config_of(GetParam());
  const AttentionPool pool(Weights(weights, {})["time_extra_emb"]["pooler"],
                           {.length = config.t5_length,
                            .width = config.t5_width,
                            .out_width = config.pooled_width,
                            .heads = HunyuanDitConfig::kPoolHeads});
  EXPECT_TRUE(
      testing::all_near(pool.forward(case_.conditioning.t5), (*this)["pooled"], kTolerance));
}

TEST_P(HunyuanDitParts, TimeAndExtraEmbeddingEqualsDiffusers) {
  const TimeExtraEmbedding& embedding = model_->time_extra_emb();
  const at::Tensor time = embedding.embed_times(case_.times.narrow(0, 0, 1), at::kFloat);
  const at::Tensor extra =
      embedding.embed_extra(case_.conditioning.t5, case_.conditioning.time_ids);
  EXPECT_TRUE(testing::all_near(time + extra, (*this)["temb"], kTolerance));
}

INSTANTIATE_TEST_SUITE_P(Networks, HunyuanDitParts, ::testing::Values("v1_1", "v1_2", "plain"),
                         [](const auto& info) { return info.param; });

class HunyuanDitRoundedTime : public ::testing::TestWithParam<std::string> {};

/// diffusers in bfloat16 embeds 980 for 981, and what it rounds of the sizes; float32 does not.
TEST_P(HunyuanDitRoundedTime, DiffusersInBfloat16EmbedsTheRoundedTime) {
  testing::Golden golden = golden_of(GetParam());
  const Conditioning c = condition_as(condition_of(golden, "rounding"), at::kBFloat16);
  const at::Tensor times = golden["rounding.times"][0];
  auto model = load(GetParam(), at::kBFloat16);
  const auto embed = [&](const at::Tensor& at_times, const at::Tensor& sizes) {
    return model->time_extra_emb().embed_times(at_times, at::kBFloat16) +
           model->time_extra_emb().embed_extra(c.t5, sizes);
  };
  const auto rounded = [](const at::Tensor& x) {
    return x.defined() ? x.to(at::kBFloat16).to(at::kFloat) : x;
  };
  constexpr double kBfloat16 = 2e-2;
  const at::Tensor plain = golden["rounding.temb.plain"];
  const at::Tensor theirs = golden["rounding.temb.rounded"];
  EXPECT_TRUE(testing::all_near(embed(rounded(times), rounded(c.time_ids)), theirs, kBfloat16));
  EXPECT_TRUE(testing::all_near(embed(times, c.time_ids), plain, kBfloat16));
  EXPECT_FALSE(testing::all_near(theirs, plain, kBfloat16)) << "the test would show nothing";
}

INSTANTIATE_TEST_SUITE_P(Networks, HunyuanDitRoundedTime, ::testing::Values("v1_1", "v1_2"),
                         [](const auto& info) { return info.param; });

/// Is every number of `found`, of a type with so many bits behind the point, the rounding of
/// `exact`? A little beyond the half is left to float32 on the way.
::testing::AssertionResult is_rounded_once(const at::Tensor& found, const at::Tensor& exact,
                                           int bits, double least) {
  const at::Tensor allowed =
      at::clamp(at::abs(exact), least) * (std::ldexp(0.5, -bits) * 1.01) + 1e-6;
  const at::Tensor off = at::abs(found.to(at::kDouble) - exact) - allowed;
  const double worst = at::max(off).item<double>();
  if (worst <= 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << worst << " beyond a rounding";
}

// diffusers has an FP32LayerNorm and an FP32SiLU; what libtorch does in 16 bits is already that.

TEST(HunyuanDitHalf, LayerNormIsComputedInFloat32AndRoundedOnce) {
  for (const auto dtype : {at::kBFloat16, at::kHalf}) {
    const at::Tensor x = (at::randn({64, 88}) * 3 + 1).to(dtype);
    const at::Tensor weight = at::randn({88}).to(dtype);
    const at::Tensor bias = at::randn({88}).to(dtype);
    const at::Tensor found = at::layer_norm(x, {88}, weight, bias, 1e-6);
    const at::Tensor exact =
        at::layer_norm(x.to(at::kDouble), {88}, weight.to(at::kDouble), bias.to(at::kDouble), 1e-6);
    EXPECT_TRUE(is_rounded_once(found, exact, dtype == at::kHalf ? 10 : 7, 6.2e-5));
  }
}

TEST(HunyuanDitHalf, SiluIsComputedInFloat32AndRoundedOnce) {
  const at::Tensor bits = at::arange(-32768, 32768, at::kShort);
  for (const auto dtype : {at::kBFloat16, at::kHalf}) {
    at::Tensor x = bits.view(dtype);
    x = at::where(at::isfinite(x), x, at::zeros_like(x));
    const at::Tensor exact = x.to(at::kDouble) * at::sigmoid(x.to(at::kDouble));
    EXPECT_TRUE(is_rounded_once(at::silu(x), exact, dtype == at::kHalf ? 10 : 7, 6.2e-5));
  }
}

}  // namespace
}  // namespace sd
