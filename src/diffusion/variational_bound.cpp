#include "diffusion/variational_bound.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/check.h"
#include "core/tensor_ops.h"
#include "diffusion/noise_schedule.h"
#include "diffusion/scheduler_base.h"

namespace sd {
namespace {

/// Cumulative distribution of the standard normal: the approximation that GELU's tanh form rests on
/// (Hendrycks & Gimpel 2016, arXiv:1606.08415).
at::Tensor normal_cdf(const at::Tensor& x) {
  constexpr double kCubic = 0.044715;
  const double slope = std::sqrt(2.0 / std::numbers::pi);
  return 0.5 * (1.0 + at::tanh(slope * (x + kCubic * at::pow(x, 3))));
}

/// The table's numbers at the times, float64 [N, 1, 1, 1] on the device of `like`.
at::Tensor at_times(const std::vector<double>& table, const std::vector<int64_t>& times,
                    const at::Tensor& like) {
  std::vector<double> numbers;
  for (const int64_t time : times) numbers.push_back(table[static_cast<size_t>(time)]);
  return at::tensor(numbers, at::kDouble).view({-1, 1, 1, 1}).to(like.device());
}

/// The same for what `function` makes of each number.
template <typename Function>
at::Tensor at_times(const std::vector<double>& table, const std::vector<int64_t>& times,
                    const at::Tensor& like, Function&& function) {
  std::vector<double> made(table);
  std::ranges::transform(table, made.begin(), function);
  return at_times(made, times, like);
}

at::Tensor mean_of_rows(const at::Tensor& values) { return values.flatten(1).mean(1); }

at::Tensor bits_of_rows(const at::Tensor& nats) { return mean_of_rows(nats) / std::numbers::ln2; }

double root(double alpha_bar) { return std::sqrt(alpha_bar); }
double other_root(double alpha_bar) { return std::sqrt(1 - alpha_bar); }

}  // namespace

at::Tensor gaussian_kl(const at::Tensor& mean, const at::Tensor& log_variance,
                       const at::Tensor& other_mean, const at::Tensor& other_log_variance) {
  return 0.5 *
         (other_log_variance - log_variance - 1.0 + at::exp(log_variance - other_log_variance) +
          at::pow(mean - other_mean, 2) * at::exp(-other_log_variance));
}

at::Tensor discretized_log_likelihood(const at::Tensor& x, const at::Tensor& mean,
                                      const at::Tensor& log_scale) {
  constexpr double kHalfBin = 1.0 / 255;
  constexpr double kEdge = 0.999;
  constexpr double kLeast = 1e-12;
  const at::Tensor distance = x - mean;
  const at::Tensor inverse_scale = at::exp(-log_scale);
  const at::Tensor up_to_end = normal_cdf(inverse_scale * (distance + kHalfBin));
  const at::Tensor up_to_begin = normal_cdf(inverse_scale * (distance - kHalfBin));
  const at::Tensor probability = at::where(
      x < -kEdge, up_to_end, at::where(x > kEdge, 1.0 - up_to_begin, up_to_end - up_to_begin));
  return at::log(at::clamp(probability, kLeast));
}

VariationalBound::VariationalBound(const SchedulerConfig& config)
    : prediction_(prediction_type(config)) {
  const std::vector<double> betas = make_betas(config, {"sigmoid", "laplace"});
  SD_CHECK(!betas.empty() && std::ranges::all_of(betas, [](double beta) { return beta > 0; }),
           ErrorKind::kModel, config.source(),
           ": the variational bound expects betas above 0, found one that is not");
  const ConfigValue variance = config.carried_value("variance_type");
  SD_CHECK(variance != ConfigValue(std::string("learned")), ErrorKind::kModel, config.source(),
           ": 'variance_type' is 'learned', the variational bound expects a network that learned "
           "where between two bounds it lies (learned_range)");
  double alpha_bar = 1;
  for (const double beta : betas) {
    const double before = alpha_bar;
    alpha_bar *= 1 - beta;
    alpha_bars_.push_back(alpha_bar);
    x0_factors_.push_back(beta * std::sqrt(before) / (1 - alpha_bar));
    sample_factors_.push_back((1 - before) * std::sqrt(1 - beta) / (1 - alpha_bar));
    log_variances_.push_back(std::log(beta * (1 - before) / (1 - alpha_bar)));
    log_betas_.push_back(std::log(beta));
  }
  log_variances_[0] = log_variances_[1];
  SD_CHECK(prediction_ != PredictionType::kEpsilon || alpha_bar > 0, ErrorKind::kModel,
           config.source(),
           ": the last time is noise alone, of which a network that predicts epsilon cannot tell "
           "the latents; the variational bound expects 'rescale_betas_zero_snr' false");
}

at::Tensor VariationalBound::noised(const at::Tensor& x0, const at::Tensor& noise,
                                    const std::vector<int64_t>& times) const {
  return at_times(alpha_bars_, times, x0, root).to(at::kFloat) * x0 +
         at_times(alpha_bars_, times, x0, other_root).to(at::kFloat) * noise;
}

at::Tensor VariationalBound::predicted_x0(const BoundBatch& batch, ClipDenoised clip) const {
  const at::Tensor prediction = batch.output.narrow(1, 0, batch.x0.size(1)).to(at::kDouble);
  const auto factor = [&](auto function) {
    return at_times(alpha_bars_, batch.times, batch.x0, function);
  };
  at::Tensor x0 = prediction;
  if (prediction_ == PredictionType::kEpsilon) {
    x0 = factor([](double alpha_bar) { return std::sqrt(1 / alpha_bar); }) * batch.noised -
         factor([](double alpha_bar) { return std::sqrt(1 / alpha_bar - 1); }) * prediction;
  } else if (prediction_ == PredictionType::kVPrediction) {
    x0 = factor(root) * batch.noised - factor(other_root) * prediction;
  }
  return clip == ClipDenoised::kYes ? at::clamp(x0, -1, 1) : x0;
}

at::Tensor VariationalBound::predicted_log_variance(const BoundBatch& batch) const {
  const int64_t channels = batch.x0.size(1);
  const at::Tensor share = (batch.output.narrow(1, channels, channels).to(at::kDouble) + 1) / 2;
  return share * at_times(log_betas_, batch.times, batch.x0) +
         (1 - share) * at_times(log_variances_, batch.times, batch.x0);
}

BoundTerms VariationalBound::terms(const BoundBatch& batch, ClipDenoised clip) const {
  const at::Tensor x0 = batch.x0.to(at::kDouble);
  const at::Tensor noised = batch.noised.to(at::kDouble);
  const at::Tensor pred_x0 = predicted_x0(batch, clip);
  const at::Tensor log_variance = predicted_log_variance(batch);
  const at::Tensor true_log_variance = at_times(log_variances_, batch.times, x0);
  const at::Tensor x0_factor = at_times(x0_factors_, batch.times, x0);
  const at::Tensor from_sample = at_times(sample_factors_, batch.times, x0) * noised;
  const at::Tensor mean = x0_factor * pred_x0 + from_sample;
  const at::Tensor true_mean = x0_factor * x0 + from_sample;

  const at::Tensor kl = gaussian_kl(true_mean, true_log_variance, mean, log_variance);
  const at::Tensor nll = -discretized_log_likelihood(x0, mean, 0.5 * log_variance);
  const at::Tensor is_first = at::tensor(batch.times, at::kLong).to(x0.device()) == 0;
  const at::Tensor noise = (noised - at_times(alpha_bars_, batch.times, x0, root) * pred_x0) /
                           at_times(alpha_bars_, batch.times, x0, other_root);
  return {.vb = at::where(is_first, bits_of_rows(nll), bits_of_rows(kl)),
          .mse = mean_of_rows(at::pow(noise - batch.noise, 2)),
          .x0_mse = mean_of_rows(at::pow(pred_x0 - x0, 2)),
          .pred_x0 = pred_x0.to(at::kFloat)};
}

at::Tensor VariationalBound::prior(const at::Tensor& x0) const {
  const std::vector<int64_t> last = {train_times() - 1};
  const at::Tensor mean = at_times(alpha_bars_, last, x0, root) * x0.to(at::kDouble);
  const at::Tensor log_variance =
      at_times(alpha_bars_, last, x0, [](double alpha_bar) { return std::log1p(-alpha_bar); });
  const at::Tensor zero = at::zeros_like(log_variance);
  return bits_of_rows(gaussian_kl(mean, log_variance, zero, zero));
}

}  // namespace sd
