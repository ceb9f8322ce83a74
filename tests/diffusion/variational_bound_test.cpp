// The variational bound against an independent implementation (tools/oracle/variational_bound.py),
// and what must hold of it whatever the numbers.

#include "diffusion/variational_bound.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diffusion/bound_times.h"
#include "tests/diffusion/scheduler_support.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"

namespace sd {
namespace {

using testing::config_from;
using testing::data_path;
using ::testing::ElementsAre;
using testing::Golden;
using ::testing::HasSubstr;

/// The largest difference in parts of what is expected; where that is 0, only 0 is no difference.
double worst_ratio(const at::Tensor& found, const at::Tensor& expected) {
  EXPECT_EQ(found.sizes(), expected.sizes());
  EXPECT_EQ(found.scalar_type(), at::kDouble);
  constexpr double kLeast = 1e-30;
  return at::max(at::abs(found - expected) / at::clamp(at::abs(expected), kLeast)).item<double>();
}

std::string config_with(const std::string& keys) {
  return R"({"_class_name": "DDPMScheduler", "beta_schedule": "scaled_linear",
             "beta_start": 0.00085, "beta_end": 0.012)" +
         keys + "}";
}

TEST(VariationalBound, IsThatOfTheOracle) {
  Golden golden("variational_bound/bound.safetensors");
  ConfigReader file = ConfigReader::from_file(data_path("variational_bound/cases.json"));
  const std::vector<int64_t> times = file.get_ints("times", {}, {0, 999});
  ConfigReader cases = file.get_object("cases");
  EXPECT_EQ(cases.keys().size(), 6);
  for (const std::string& name : cases.keys()) {
    SCOPED_TRACE(name);
    const VariationalBound bound(config_from(cases.get_string(name, "")));
    EXPECT_EQ(bound.train_times(), 1000);
    BoundBatch batch{
        golden[name + ".x0"], golden[name + ".noise"], {}, golden[name + ".output"], times};
    batch.noised = bound.noised(batch.x0, batch.noise, times);
    EXPECT_TRUE(testing::all_near(batch.noised, golden[name + ".noised"], 1e-6));
    EXPECT_LT(worst_ratio(bound.prior(batch.x0), golden[name + ".prior"]), 1e-6);
    batch.noised = golden[name + ".noised"];
    for (const auto& [word, clip] :
         {std::pair("clipped", ClipDenoised::kYes), std::pair("free", ClipDenoised::kNo)}) {
      SCOPED_TRACE(word);
      const std::string key = name + "." + word;
      const BoundTerms terms = bound.terms(batch, clip);
      EXPECT_LT(worst_ratio(terms.vb, golden[key + ".vb"]), 1e-6);
      EXPECT_LT(worst_ratio(terms.mse, golden[key + ".mse"]), 1e-6);
      EXPECT_LT(worst_ratio(terms.x0_mse, golden[key + ".x0_mse"]), 1e-6);
      EXPECT_TRUE(testing::all_near(terms.pred_x0, golden[key + ".pred_x0"], 1e-6));
    }
  }
}

TEST(VariationalBound, LikelihoodIsThatOfTheOracle) {
  Golden golden("variational_bound/likelihood.safetensors");
  const at::Tensor expected = golden["log_likelihood"];
  const at::Tensor found =
      discretized_log_likelihood(golden["x"], golden["mean"], golden["log_scale"]);
  EXPECT_LT(at::max(at::abs(found - expected)).item<double>(), 1e-6);
  EXPECT_NEAR(at::max(-expected).item<double>(), -std::log(1e-12), 1e-6) << "the least of all";
}

TEST(VariationalBound, ProbabilitiesOfThe256ValuesAddUpToOne) {
  const at::Tensor values = at::linspace(-1, 1, 256, at::kDouble);
  for (const double mean : {-1.5, -1.0, -0.3, 0.0, 0.998, 1.2}) {
    for (const double log_scale : {-7.0, -3.0, -1.0, 0.5}) {
      const at::Tensor likelihood = discretized_log_likelihood(
          values, at::full({}, mean, at::kDouble), at::full({}, log_scale, at::kDouble));
      EXPECT_NEAR(at::exp(likelihood).sum().item<double>(), 1, 1e-9) << mean << " " << log_scale;
    }
  }
}

TEST(VariationalBound, DivergenceOfEqualGaussiansIsZeroAndElseAboveIt) {
  const at::Tensor mean = at::randn({50}, at::kDouble);
  const at::Tensor log_variance = at::randn({50}, at::kDouble);
  const at::Tensor zero = at::zeros({50}, at::kDouble);
  EXPECT_TRUE(at::equal(gaussian_kl(mean, log_variance, mean, log_variance), zero));
  EXPECT_GT(gaussian_kl(mean, log_variance, mean + 0.1, log_variance).min().item<double>(), 0);
  EXPECT_GT(gaussian_kl(mean, log_variance, mean, log_variance + 0.1).min().item<double>(), 0);
  // ln 2 - 3/8: of variance 1 from variance 4, by hand
  const at::Tensor four = zero + std::log(4.0);
  EXPECT_NEAR(gaussian_kl(zero, zero, zero, four)[0].item<double>(), std::log(2.0) - 0.375, 1e-12);
}

/// A network that knows everything: its mean is the true posterior's, and its variance too.
TEST(VariationalBound, APerfectNetworkLosesNothingAfterTheFirstTime) {
  const VariationalBound bound(config_from(config_with(R"(, "prediction_type": "sample")")));
  const at::Tensor x0 = at::randn({3, 2, 4, 4}).clamp(-1, 1);
  const at::Tensor noise = at::randn({3, 2, 4, 4});
  const std::vector<int64_t> times = {999, 400, 1};
  const at::Tensor output = at::cat({x0, at::zeros_like(x0) - 1}, 1);
  const BoundTerms terms =
      bound.terms({x0, noise, bound.noised(x0, noise, times), output, times}, ClipDenoised::kYes);
  EXPECT_LT(at::max(at::abs(terms.vb)).item<double>(), 1e-12);
  EXPECT_LT(at::max(terms.mse).item<double>(), 1e-9);
  EXPECT_EQ(at::max(terms.x0_mse).item<double>(), 0);
  EXPECT_TRUE(at::equal(terms.pred_x0, x0));
}

TEST(VariationalBound, TheFirstPosteriorHasTheVarianceOfTheSecond) {
  // Of the two, only the decoder's term at time 0 depends on the bounds of the variance: with
  // channels that say -1 it is that of time 1, which is no more than the beta of time 0.
  const VariationalBound bound(config_from(config_with(R"(, "prediction_type": "sample")")));
  const at::Tensor x0 = at::zeros({1, 1, 1, 1});
  const BoundTerms terms = bound.terms(
      {x0, x0, x0, at::tensor({0.0F, -1.0F}).view({1, 2, 1, 1}), {0}}, ClipDenoised::kYes);
  const double beta_0 = 0.00085;
  const double step = (std::sqrt(0.012) - std::sqrt(beta_0)) / 999;
  const double beta_1 = std::pow(std::sqrt(beta_0) + step, 2);
  const double variance = beta_1 * beta_0 / (1 - (1 - beta_0) * (1 - beta_1));
  const at::Tensor log_scale = at::full({}, 0.5 * std::log(variance), at::kDouble);
  const at::Tensor zero = at::zeros({}, at::kDouble);
  const double nats = -discretized_log_likelihood(zero, zero, log_scale).item<double>();
  EXPECT_NEAR(terms.vb.item<double>(), nats / std::log(2.0), 1e-9);
}

TEST(VariationalBound, RefusesConfigsThatMakeNone) {
  const auto refusal = [](const std::string& config) {
    return error_of([&] { VariationalBound bound(config_from(config)); }, ErrorKind::kModel);
  };
  EXPECT_THAT(refusal(config_with(R"(, "variance_type": "learned")")),
              HasSubstr("'variance_type' is 'learned', the variational bound expects"));
  EXPECT_THAT(refusal(config_with(R"(, "rescale_betas_zero_snr": true)")),
              HasSubstr("expects 'rescale_betas_zero_snr' false"));
  EXPECT_THAT(refusal(config_with(R"(, "num_train_timesteps": 2, "trained_betas": [0.1, 0])")),
              HasSubstr("expects betas above 0"));
  EXPECT_NE(refusal(R"({"_class_name": "FlowMatchEulerDiscreteScheduler"})"), "");
}

TEST(BoundTimes, AreDenserNearZero) {
  EXPECT_THAT(spread_times(5, 1000), ElementsAre(999, 562, 250, 62, 0));
  EXPECT_THAT(spread_times(2, 1000), ElementsAre(999, 0));
  for (const int64_t count : {2, 3, 20, 57, 400, 999, 1000}) {
    const std::vector<int64_t> times = spread_times(count, 1000);
    ASSERT_EQ(std::ssize(times), count);
    EXPECT_EQ(times.front(), 999);
    EXPECT_EQ(times.back(), 0);
    for (size_t i = 1; i < times.size(); ++i) EXPECT_LT(times[i], times[i - 1]) << count;
  }
}

TEST(BoundTimes, StandForTheTimesThatTheyAreNearestTo) {
  EXPECT_THAT(weigh_times({0, 10, 3, 9}, 20),
              ElementsAre(BoundTime{10, 10}, BoundTime{9, 3}, BoundTime{3, 6}, BoundTime{0, 1}));
  EXPECT_THAT(weigh_times({4}, 20), ElementsAre(BoundTime{4, 20}));
  EXPECT_THAT(weigh_times({2, 5}, 8), ElementsAre(BoundTime{5, 4}, BoundTime{2, 4}));
  for (const BoundTime& time : weigh_times(spread_times(1000, 1000), 1000)) {
    EXPECT_EQ(time.weight, 1);
  }
  for (const int64_t count : {2, 20, 333}) {
    int64_t sum = 0;
    for (const BoundTime& time : weigh_times(spread_times(count, 1000), 1000)) sum += time.weight;
    EXPECT_EQ(sum, 1000) << count;
  }
}

TEST(BoundTimes, TwentyEstimateASumThatFallsWithTime) {
  double sum = 0;  // as the KL of a trained network does: about 1 / time
  for (int time = 1; time < 1000; ++time) sum += 1.0 / time;
  double estimate = 0;
  for (const BoundTime& time : weigh_times(spread_times(20, 1000), 1000)) {
    if (time.time > 0)
      estimate += static_cast<double>(time.weight) / static_cast<double>(time.time);
  }
  EXPECT_NEAR(estimate / sum, 1, 0.1);
}

}  // namespace
}  // namespace sd
