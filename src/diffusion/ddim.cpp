#include <cmath>

#include "core/tensor_ops.h"
#include "diffusion/host_math.h"
#include "diffusion/noise_schedule.h"
#include "diffusion/scheduler_base.h"
#include "diffusion/timestep_spacing.h"

namespace sd {

namespace {

/// Denoising diffusion implicit models (Song et al. 2020, arXiv:2010.02502), formulas 12 and 16;
/// diffusers scheduling_ddim.py.
class Ddim : public SchedulerBase {
 public:
  Ddim(const SchedulerConfig& config, const SamplerOptions& options)
      : SchedulerBase(config),
        alphas_(make_alphas_cumprod(config, TerminalAlpha::kZero)),
        final_alpha_(config.get_bool("set_alpha_to_one") ? 1.0F : alphas_.front()),
        prediction_(prediction_type(config)),
        clip_(config),
        spacing_(timestep_spacing(config)),
        offset_(config.get_int("steps_offset")),
        options_(options) {}

 protected:
  std::vector<double> make_run(int64_t steps) override {
    return whole_times({spacing_, train_times(), steps, offset_});
  }

  bool is_computable(int64_t call) const override {
    const Coefficients c = coefficients(call);
    if (!all_finite({c.sqrt_alpha, c.sqrt_beta, c.x0, c.direction, c.deviation})) return false;
    const bool epsilon_from_x0 =
        prediction_ == PredictionType::kSample || options_.use_clipped_model_output;
    if (epsilon_from_x0 && c.sqrt_beta == 0) return false;
    return prediction_ != PredictionType::kEpsilon || c.sqrt_alpha > 0 || clip_.bounds();
  }

  StepOutput step_at(int64_t call, const at::Tensor& output, const at::Tensor& sample,
                     NoiseSource& noise) override {
    const Coefficients c = coefficients(call);
    at::Tensor x0;
    at::Tensor epsilon;
    switch (prediction_) {
      case PredictionType::kEpsilon:
        x0 = (sample - c.sqrt_beta * output) / c.sqrt_alpha;
        epsilon = output;
        break;
      case PredictionType::kSample:
        x0 = output;
        epsilon = (sample - c.sqrt_alpha * x0) / c.sqrt_beta;
        break;
      case PredictionType::kVPrediction:
        x0 = c.sqrt_alpha * sample - c.sqrt_beta * output;
        epsilon = c.sqrt_alpha * output + c.sqrt_beta * sample;
        break;
    }
    x0 = clip_(x0);
    if (options_.use_clipped_model_output) {
      epsilon = (sample - c.sqrt_alpha * x0) / c.sqrt_beta;
    }
    at::Tensor prev = c.x0 * x0 + c.direction * epsilon;
    if (options_.eta > 0) prev = prev + c.deviation * draw_like(noise, output);
    return {prev, x0};
  }

  at::Tensor noised(int64_t call, const at::Tensor& x0, const at::Tensor& noise) const override {
    return noised_to_alpha(at_time(alphas_, whole_time_of(call)), x0, noise);
  }

 private:
  struct Coefficients {
    float sqrt_alpha;
    float sqrt_beta;
    float x0;         ///< of x0 in the previous sample
    float direction;  ///< of epsilon in the previous sample
    float deviation;  ///< of the fresh noise
  };

  Coefficients coefficients(int64_t call) const {
    const int64_t time = whole_time_of(call);
    const int64_t prev_time = time - train_times() / steps();
    const float alpha = at_time(alphas_, time);
    const float alpha_prev = prev_time >= 0 ? at_time(alphas_, prev_time) : final_alpha_;
    const float beta = 1.0F - alpha;
    const float variance = ((1.0F - alpha_prev) / beta) * (1.0F - alpha / alpha_prev);
    const float deviation = static_cast<float>(options_.eta) * torch_sqrt(variance);
    return {torch_sqrt(alpha), torch_sqrt(beta), torch_sqrt(alpha_prev),
            torch_sqrt(1.0F - alpha_prev - square(deviation)), deviation};
  }

  std::vector<float> alphas_;
  float final_alpha_;
  PredictionType prediction_;
  X0Clip clip_;
  TimestepSpacing spacing_;
  int64_t offset_;
  SamplerOptions options_;
};

}  // namespace

SchedulerClass ddim_class() {
  return {"DDIMScheduler",
          {{"num_train_timesteps", 1000},
           {"beta_start", 0.0001},
           {"beta_end", 0.02},
           {"beta_schedule", "linear"},
           {"trained_betas", ConfigKey::Type::kList},
           {"clip_sample", true},
           {"set_alpha_to_one", true},
           {"steps_offset", 0},
           {"prediction_type", "epsilon"},
           {"thresholding", false},
           {"dynamic_thresholding_ratio", 0.995},
           {"clip_sample_range", 1.0},
           {"sample_max_value", 1.0},
           {"timestep_spacing", "leading"},
           {"rescale_betas_zero_snr", false}},
          {},
          [](const SchedulerConfig& config, const SamplerOptions& options) {
            return std::unique_ptr<Scheduler>(std::make_unique<Ddim>(config, options));
          }};
}

}  // namespace sd
