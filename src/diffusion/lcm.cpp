#include <cmath>

#include "core/check.h"
#include "core/tensor_ops.h"
#include "diffusion/host_math.h"
#include "diffusion/noise_schedule.h"
#include "diffusion/scheduler_base.h"
#include "diffusion/timestep_spacing.h"

namespace sd {

namespace {

/// Multistep sampling of latent consistency models (Luo et al. 2023, arXiv:2310.04378); diffusers
/// scheduling_lcm.py. Its set_timesteps has a strength of its own, which no pipeline passes:
/// img2img drops the first calls of the whole run as with any other sampler.
class Lcm : public SchedulerBase {
 public:
  explicit Lcm(const SchedulerConfig& config)
      : SchedulerBase(config),
        alphas_(make_alphas_cumprod(config, TerminalAlpha::kZero)),
        prediction_(prediction_type(config)),
        clip_(config),
        original_steps_(config.get_int("original_inference_steps")),
        timestep_scaling_(static_cast<float>(config.get_double("timestep_scaling"))) {
    if (original_steps_ < 1 || original_steps_ > train_times()) {
      config.refuse("original_inference_steps");
    }
  }

 protected:
  std::vector<double> make_run(int64_t steps) override {
    if (steps > original_steps_) {
      fail_steps(steps, "the model was distilled for at most " + std::to_string(original_steps_) +
                            " steps (original_inference_steps)");
    }
    const int64_t stride = train_times() / original_steps_;
    const double skip = static_cast<double>(original_steps_) / static_cast<double>(steps);
    std::vector<double> times;
    times.reserve(static_cast<size_t>(steps));
    for (int64_t i = 0; i < steps; ++i) {
      const auto skipped = static_cast<int64_t>(std::floor(static_cast<double>(i) * skip));
      times.push_back(static_cast<double>((original_steps_ - skipped) * stride - 1));
    }
    return times;
  }

  bool is_computable(int64_t call) const override {
    const Coefficients c = coefficients(call);
    return all_finite({c.sqrt_alpha, c.sqrt_beta, c.keep, c.denoise, c.signal, c.deviation}) &&
           (prediction_ != PredictionType::kEpsilon || c.sqrt_alpha > 0 || clip_.bounds());
  }

  StepOutput step_at(int64_t call, const at::Tensor& output, const at::Tensor& sample,
                     NoiseSource& noise) override {
    const Coefficients c = coefficients(call);
    at::Tensor x0 = output;
    if (prediction_ == PredictionType::kEpsilon) {
      x0 = (sample - c.sqrt_beta * output) / c.sqrt_alpha;
    } else if (prediction_ == PredictionType::kVPrediction) {
      x0 = c.sqrt_alpha * sample - c.sqrt_beta * output;
    }
    const at::Tensor denoised = c.denoise * clip_(x0) + c.keep * sample;
    if (call + 1 == calls()) return {denoised, denoised};
    return {c.signal * denoised + c.deviation * draw_like(noise, denoised), denoised};
  }

  at::Tensor noised(int64_t call, const at::Tensor& x0, const at::Tensor& noise) const override {
    return noised_to_alpha(at_time(alphas_, whole_time_of(call)), x0, noise);
  }

 private:
  struct Coefficients {
    float sqrt_alpha;
    float sqrt_beta;
    float keep;     ///< of the sample in the consistency function, c_skip
    float denoise;  ///< of x0 in the consistency function, c_out
    float signal;
    float deviation;
  };

  Coefficients coefficients(int64_t call) const {
    constexpr float kDataVariance = 0.25F;  // sigma_data 0.5
    const int64_t time = whole_time_of(call);
    const float alpha = at_time(alphas_, time);
    const float alpha_next = call + 1 < calls() ? at_time(alphas_, whole_time_of(call + 1)) : alpha;
    const float scaled = static_cast<float>(time) * timestep_scaling_;
    const float variance = square(scaled) + kDataVariance;
    return {torch_sqrt(alpha),        torch_sqrt(1.0F - alpha),
            kDataVariance / variance, scaled / torch_sqrt(variance),
            torch_sqrt(alpha_next),   torch_sqrt(1.0F - alpha_next)};
  }

  std::vector<float> alphas_;
  PredictionType prediction_;
  X0Clip clip_;
  int64_t original_steps_;
  float timestep_scaling_;
};

}  // namespace

SchedulerClass lcm_class() {
  return {"LCMScheduler",
          {{"num_train_timesteps", 1000},
           {"beta_start", 0.00085},
           {"beta_end", 0.012},
           {"beta_schedule", "scaled_linear"},
           {"trained_betas", ConfigKey::Type::kList},
           {"original_inference_steps", 50},
           {"clip_sample", false},
           {"clip_sample_range", 1.0},
           {"set_alpha_to_one", true},
           {"steps_offset", 0},
           {"prediction_type", "epsilon"},
           {"thresholding", false},
           {"dynamic_thresholding_ratio", 0.995},
           {"sample_max_value", 1.0},
           {"timestep_spacing", "leading"},
           {"timestep_scaling", 10.0},
           {"rescale_betas_zero_snr", false}},
          {},
          [](const SchedulerConfig& config, const SamplerOptions& /*options*/) {
            return std::unique_ptr<Scheduler>(std::make_unique<Lcm>(config));
          }};
}

}  // namespace sd
