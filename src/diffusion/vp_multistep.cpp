#include "diffusion/vp_multistep.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "core/tensor_ops.h"
#include "diffusion/noise_schedule.h"

namespace sd {

VpMultistepScheduler::VpMultistepScheduler(const SchedulerConfig& config)
    : SchedulerBase(config),
      config_(config),
      alphas_(make_alphas_cumprod(config, TerminalAlpha::kSmallestFloat16)),
      table_(training_sigmas(alphas_)),
      prediction_(prediction_type(config)),
      spacing_(timestep_spacing(config)),
      offset_(config.get_int("steps_offset")),
      solver_order_(config.get_int("solver_order")),
      threshold_(config),
      lower_order_final_(config.get_bool("lower_order_final")),
      curve_(sigma_curve(config)),
      ends_at_zero_(config.get_choice("final_sigmas_type", {"zero", "sigma_min"}) == "zero") {
  refuse_other_sigmas(config);
}

std::vector<double> VpMultistepScheduler::make_grid(const GridRequest& request) {
  std::vector<double> times =
      multistep_times({spacing_, train_times(), request.steps, offset_}, request.grid_end);
  std::vector<double> sigmas;
  double end = table_.front();
  if (curve_ != SigmaCurve::kOwn) {
    sigmas = curved_sigmas(curve_, config_, table_.back(), table_.front(), request.steps);
    times = times_of_sigmas(sigmas, table_);
    const bool rounds = curve_ == SigmaCurve::kKarras && request.rounds_karras_times;
    for (double& time : times) time = rounds ? std::nearbyint(time) : std::trunc(time);
    if (request.curve_end == CurveEnd::kOwnMinimum) end = sigmas.back();
  } else {
    sigmas = interpolate(times, table_);
  }
  sigmas.push_back(ends_at_zero_ ? 0.0 : end);
  sigmas_.assign(sigmas.begin(), sigmas.end());
  levels_.clear();
  levels_.reserve(sigmas_.size());
  for (const float sigma : sigmas_) levels_.push_back(vp_level(sigma));
  return times;
}

at::Tensor VpMultistepScheduler::noised(int64_t call, const at::Tensor& x0,
                                        const at::Tensor& noise) const {
  // In the sample's type throughout, as diffusers.
  const at::Tensor sigma =
      at::full({}, sigmas_[static_cast<size_t>(call)], at::kFloat).to(x0.scalar_type());
  const at::Tensor alpha = 1 / at::sqrt(at::pow(sigma, 2) + 1);
  return x0 * alpha.item() + noise * (sigma * alpha).item();
}

at::Tensor VpMultistepScheduler::predict_x0(int64_t call, const at::Tensor& output,
                                            const at::Tensor& sample) const {
  const VpLevel& here = level(call);
  switch (prediction_) {
    case PredictionType::kEpsilon: return threshold_((sample - here.sigma * output) / here.alpha);
    case PredictionType::kVPrediction: return threshold_(here.alpha * sample - here.sigma * output);
    case PredictionType::kSample: return threshold_(output);
  }
  return {};
}

at::Tensor VpMultistepScheduler::predict_epsilon(int64_t call, const at::Tensor& output,
                                                 const at::Tensor& sample) const {
  const VpLevel& here = level(call);
  switch (prediction_) {
    case PredictionType::kEpsilon: return output;
    case PredictionType::kVPrediction: return here.alpha * output + here.sigma * sample;
    case PredictionType::kSample: return (sample - here.alpha * output) / here.sigma;
  }
  return {};
}

void VpMultistepScheduler::remember(const at::Tensor& converted) {
  history_.push_back(converted);
  if (static_cast<int64_t>(history_.size()) > solver_order_) history_.pop_front();
}

}  // namespace sd
