#include "diffusion/scheduler_base.h"

#include <ATen/ops/quantile.h>
#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/tensor_ops.h"
#include "diffusion/registry.h"

namespace sd {

SchedulerBase::SchedulerBase(const SchedulerConfig& config)
    : name_(sampler_name(config)),
      has_spacing_(config.has("timestep_spacing")),
      train_times_(config.get_int("num_train_timesteps")) {}

void SchedulerBase::fail_steps(int64_t steps, const std::string& reason) const {
  fail(ErrorKind::kUsage, "--steps ", steps, " with --sampler ", name_, ": ", reason);
}

void SchedulerBase::set_timesteps(int64_t steps) {
  if (steps < 1 || steps > train_times_) {
    fail_steps(steps, "expected 1 to " + std::to_string(train_times_) + " steps");
  }
  steps_ = steps;
  begin_ = 0;
  call_ = 0;
  times_ = make_run(steps);
}

void SchedulerBase::set_begin_index(int64_t index) {
  TORCH_INTERNAL_ASSERT(index >= 0 && index <= calls());
  begin_ = index;
  call_ = index;
}

void SchedulerBase::check() const {
  for (int64_t call = begin_; call < calls(); ++call) {
    if (!is_computable(call)) {
      fail_steps(steps_, concat_text("the model call at time ", time_of(call),
                                     " has no finite coefficients (another number of steps ",
                                     has_spacing_ ? "or --spacing " : "", "may do)"));
    }
  }
}

at::Tensor SchedulerBase::scale_model_input(const at::Tensor& sample) const {
  if (call_ == begin_) check();
  TORCH_INTERNAL_ASSERT(call_ < calls());
  return scaled_input(call_, sample);
}

StepOutput SchedulerBase::step(const at::Tensor& model_output, const at::Tensor& sample,
                               NoiseSource& noise) {
  if (call_ == begin_) check();
  TORCH_INTERNAL_ASSERT(call_ < calls());
  StepOutput output = step_at(call_, model_output, sample, noise);
  ++call_;
  return output;
}

at::Tensor SchedulerBase::add_noise(const at::Tensor& x0, const at::Tensor& noise) const {
  if (call_ == begin_) check();
  TORCH_INTERNAL_ASSERT(call_ < calls());
  return noised(call_, x0, noise);
}

PredictionType prediction_type(const SchedulerConfig& config,
                               const std::vector<std::string>& allowed) {
  const std::string type = config.get_choice("prediction_type", allowed);
  if (type == "epsilon") return PredictionType::kEpsilon;
  return type == "v_prediction" ? PredictionType::kVPrediction : PredictionType::kSample;
}

X0Clip::X0Clip(const SchedulerConfig& config) {
  if (config.has("thresholding") && config.get_bool("thresholding")) {
    thresholding_ = true;
    ratio_ = config.get_double("dynamic_thresholding_ratio");
    max_value_ = config.get_double("sample_max_value");
  }
  if (config.has("clip_sample") && config.get_bool("clip_sample")) {
    clip_range_ = config.get_double("clip_sample_range");
  }
}

at::Tensor X0Clip::operator()(const at::Tensor& x0) const {
  if (!thresholding_) {
    return clip_range_ ? at::clamp(x0, -*clip_range_, *clip_range_) : x0;
  }
  const at::ScalarType type = x0.scalar_type();
  const at::Tensor flat = (type == at::kDouble ? x0 : x0.to(at::kFloat)).flatten(1);
  const at::Tensor limit =
      at::clamp(at::quantile(at::abs(flat), ratio_, 1), 1.0, max_value_).unsqueeze(1);
  return (at::clamp(flat, -limit, limit) / limit).view(x0.sizes()).to(type);
}

at::Tensor noised_to_alpha(float alpha_cumprod, const at::Tensor& x0, const at::Tensor& noise) {
  const at::Tensor alpha = at::full({}, alpha_cumprod, at::kFloat).to(x0.scalar_type());
  const at::Scalar signal = at::sqrt(alpha).item();
  const at::Scalar deviation = at::sqrt(1 - alpha).item();
  return x0 * signal + noise * deviation;
}

}  // namespace sd
