#include "diffusion/noise_schedule.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/check.h"
#include "core/tensor_ops.h"

namespace sd {

namespace {

double cosine_alpha_bar(double t) {  // Nichol & Dhariwal 2021, arXiv:2102.09672
  return std::pow(std::cos((t + 0.008) / 1.008 * std::numbers::pi / 2), 2.0);
}

double laplace_alpha_bar(double t) {
  const double log_snr =
      -0.5 * std::copysign(1.0, 0.5 - t) * std::log(1 - 2 * std::fabs(0.5 - t) + 1e-6);
  const double snr = std::exp(log_snr);
  return std::sqrt(snr / (1 + snr));
}

double exponential_alpha_bar(double t) { return std::exp(t * -12.0); }

at::Tensor betas_for(double (*alpha_bar)(double), int64_t times, at::ScalarType dtype) {
  constexpr double kMaxBeta = 0.999;
  const auto count = static_cast<double>(times);
  std::vector<double> betas;
  betas.reserve(static_cast<size_t>(times));
  for (int64_t i = 0; i < times; ++i) {
    const double before = alpha_bar(static_cast<double>(i) / count);
    const double after = alpha_bar(static_cast<double>(i + 1) / count);
    betas.push_back(std::min(1 - after / before, kMaxBeta));
  }
  return at::tensor(betas, at::kDouble).to(dtype);
}

at::Tensor scheduled_betas(const SchedulerConfig& config, int64_t times,
                           const std::vector<std::string>& more_schedules, at::ScalarType dtype) {
  if (config.has("trained_betas")) {
    return at::tensor(config.get_list("trained_betas"), at::kDouble).to(dtype);
  }
  std::vector<std::string> schedules = {"linear", "scaled_linear", "squaredcos_cap_v2"};
  schedules.insert(schedules.end(), more_schedules.begin(), more_schedules.end());
  const double start = config.get_double("beta_start");
  const double end = config.get_double("beta_end");
  const std::string schedule = config.get_choice("beta_schedule", schedules);
  if (schedule == "linear") return at::linspace(start, end, times, dtype);
  if (schedule == "scaled_linear") {
    return at::pow(at::linspace(std::pow(start, 0.5), std::pow(end, 0.5), times, dtype), 2);
  }
  if (schedule == "squaredcos_cap_v2") return betas_for(cosine_alpha_bar, times, dtype);
  if (schedule == "laplace") return betas_for(laplace_alpha_bar, times, dtype);
  if (schedule == "exp") return betas_for(exponential_alpha_bar, times, dtype);
  // "sigmoid", of GeoDiff
  return at::sigmoid(at::linspace(-6, 6, times, dtype)) * (end - start) + start;
}

/// Lin et al. 2023, arXiv:2305.08891, algorithm 1.
at::Tensor rescale_to_zero_terminal_snr(const at::Tensor& betas) {
  const at::Tensor root = at::sqrt(at::cumprod(1.0 - betas, 0));
  const at::Tensor first = root[0];
  const at::Tensor last = root[-1];
  const at::Tensor alpha_bar = at::pow((root - last) * (first / (first - last)), 2);
  const int64_t count = alpha_bar.size(0);
  const at::Tensor ratios = alpha_bar.slice(0, 1, count) / alpha_bar.slice(0, 0, count - 1);
  return 1 - at::cat({alpha_bar.slice(0, 0, 1), ratios});
}

bool has_zero_snr(const SchedulerConfig& config) {
  return config.has("rescale_betas_zero_snr") && config.get_bool("rescale_betas_zero_snr");
}

/// [num_train_timesteps]
at::Tensor betas_of(const SchedulerConfig& config, const std::vector<std::string>& more_schedules,
                    at::ScalarType dtype) {
  const int64_t times = config.get_int("num_train_timesteps");
  SD_CHECK(times >= 2, ErrorKind::kModel, config.source(),
           ": 'num_train_timesteps' should be at least 2, found ", times);
  const at::Tensor betas = scheduled_betas(config, times, more_schedules, dtype);
  SD_CHECK(betas.size(0) == times, ErrorKind::kModel, config.source(),
           ": 'trained_betas' should have num_train_timesteps = ", times, " entries, found ",
           betas.size(0));
  return has_zero_snr(config) ? rescale_to_zero_terminal_snr(betas) : betas;
}

}  // namespace

std::vector<double> make_betas(const SchedulerConfig& config,
                               const std::vector<std::string>& more_schedules) {
  const at::Tensor betas = betas_of(config, more_schedules, at::kDouble).contiguous();
  const double* data = betas.const_data_ptr<double>();
  return {data, data + betas.numel()};
}

std::vector<float> make_alphas_cumprod(const SchedulerConfig& config, TerminalAlpha terminal,
                                       const std::vector<std::string>& more_schedules) {
  const at::Tensor betas = betas_of(config, more_schedules, at::kFloat);
  const at::Tensor product = at::cumprod(1.0 - betas, 0).contiguous();
  const float* data = product.const_data_ptr<float>();
  std::vector<float> alphas(data, data + product.numel());
  if (has_zero_snr(config) && terminal == TerminalAlpha::kSmallestFloat16) {
    alphas.back() = std::ldexp(1.0F, -24);
  }
  return alphas;
}

float at_time(const std::vector<float>& table, int64_t time) {
  const auto count = static_cast<int64_t>(table.size());
  if (time < 0) time += count;
  if (time < 0 || time >= count) return std::numeric_limits<float>::quiet_NaN();
  return table[static_cast<size_t>(time)];
}

}  // namespace sd
