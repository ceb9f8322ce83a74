#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "core/tensor_ops.h"
#include "diffusion/host_math.h"
#include "diffusion/noise_schedule.h"
#include "diffusion/scheduler_base.h"
#include "diffusion/timestep_spacing.h"

namespace sd {

namespace {

enum class Variance { kFixedSmall, kFixedSmallLog, kFixedLarge, kLearned, kLearnedRange };

Variance variance_type(const SchedulerConfig& config) {
  // fixed_large_log is missing: diffusers takes the square root of a logarithm below zero, NaN.
  const std::string type = config.get_choice(
      "variance_type",
      {"fixed_small", "fixed_small_log", "fixed_large", "learned", "learned_range"});
  if (type == "fixed_small") return Variance::kFixedSmall;
  if (type == "fixed_small_log") return Variance::kFixedSmallLog;
  if (type == "fixed_large") return Variance::kFixedLarge;
  return type == "learned" ? Variance::kLearned : Variance::kLearnedRange;
}

/// Denoising diffusion probabilistic models (Ho et al. 2020, arXiv:2006.11239), formulas 6, 7 and
/// 15, over the chosen times; diffusers scheduling_ddpm.py.
class Ddpm : public SchedulerBase {
 public:
  explicit Ddpm(const SchedulerConfig& config)
      : SchedulerBase(config),
        alphas_(make_alphas_cumprod(config, TerminalAlpha::kZero, {"sigmoid", "laplace"})),
        prediction_(prediction_type(config)),
        variance_(variance_type(config)),
        clip_(config),
        spacing_(timestep_spacing(config)),
        offset_(config.get_int("steps_offset")),
        source_(config.source()) {}

  bool takes_variance() const override {
    return variance_ == Variance::kLearned || variance_ == Variance::kLearnedRange;
  }

 protected:
  std::vector<double> make_run(int64_t steps) override {
    return whole_times({spacing_, train_times(), steps, offset_});
  }

  bool is_computable(int64_t call) const override {
    const Coefficients c = coefficients(call);
    return all_finite({c.sqrt_alpha, c.sqrt_beta, c.x0, c.sample, c.variance, c.beta}) &&
           (prediction_ != PredictionType::kEpsilon || c.sqrt_alpha > 0 || clip_.bounds());
  }

  /// model_output has 2C channels where the variance is learned: mean, then variance.
  StepOutput step_at(int64_t call, const at::Tensor& model_output, const at::Tensor& sample,
                     NoiseSource& noise) override {
    const Coefficients c = coefficients(call);
    const auto [output, learned] = split(model_output, sample);
    at::Tensor x0 = output;
    if (prediction_ == PredictionType::kEpsilon) {
      x0 = (sample - c.sqrt_beta * output) / c.sqrt_alpha;
    } else if (prediction_ == PredictionType::kVPrediction) {
      x0 = c.sqrt_alpha * sample - c.sqrt_beta * output;
    }
    x0 = clip_(x0);
    at::Tensor prev = c.x0 * x0 + c.sample * sample;
    if (whole_time_of(call) > 0) prev = prev + fresh_noise(c, learned, draw_like(noise, output));
    return {prev, x0};
  }

  at::Tensor noised(int64_t call, const at::Tensor& x0, const at::Tensor& noise) const override {
    return noised_to_alpha(at_time(alphas_, whole_time_of(call)), x0, noise);
  }

 private:
  struct Coefficients {
    float sqrt_alpha;
    float sqrt_beta;
    float x0;        ///< of x0 in the posterior mean
    float sample;    ///< of the sample in the posterior mean
    float variance;  ///< of the posterior, above zero
    float beta;      ///< of this step, the upper bound of the variance
  };

  Coefficients coefficients(int64_t call) const {
    const float alpha_bar = at_time(alphas_, whole_time_of(call));
    const float prev_bar = call + 1 < calls() && time_of(call + 1) >= 0
                               ? at_time(alphas_, whole_time_of(call + 1))
                               : 1.0F;
    const float beta_bar = 1.0F - alpha_bar;
    const float beta_bar_prev = 1.0F - prev_bar;
    const float alpha = alpha_bar / prev_bar;
    const float beta = 1.0F - alpha;
    return {torch_sqrt(alpha_bar),
            torch_sqrt(beta_bar),
            torch_sqrt(prev_bar) * beta / beta_bar,
            torch_sqrt(alpha) * beta_bar_prev / beta_bar,
            std::max(beta_bar_prev / beta_bar * beta, 1e-20F),
            beta};
  }

  std::pair<at::Tensor, at::Tensor> split(const at::Tensor& output,
                                          const at::Tensor& sample) const {
    if (!takes_variance()) return {output, {}};
    const int64_t channels = sample.size(1);
    SD_CHECK(output.size(1) == 2 * channels, ErrorKind::kModel, source_,
             ": 'variance_type' is learned, so the network's output should have ", 2 * channels,
             " channels, found ", output.size(1));
    return {output.narrow(1, 0, channels), output.narrow(1, channels, channels)};
  }

  at::Tensor fresh_noise(const Coefficients& c, const at::Tensor& learned,
                         const at::Tensor& noise) const {
    switch (variance_) {
      case Variance::kFixedSmall: return torch_sqrt(c.variance) * noise;
      case Variance::kFixedSmallLog: return torch_exp(0.5F * torch_log(c.variance)) * noise;
      case Variance::kFixedLarge: return torch_sqrt(c.beta) * noise;
      case Variance::kLearned: return at::sqrt(learned) * noise;
      case Variance::kLearnedRange: {
        const at::Tensor fraction = (learned + 1) / 2;
        const at::Tensor log_variance =
            fraction * torch_log(c.beta) + (1 - fraction) * torch_log(c.variance);
        return at::exp(0.5 * log_variance) * noise;
      }
    }
    return {};
  }

  std::vector<float> alphas_;
  PredictionType prediction_;
  Variance variance_;
  X0Clip clip_;
  TimestepSpacing spacing_;
  int64_t offset_;
  std::string source_;
};

}  // namespace

SchedulerClass ddpm_class() {
  return {"DDPMScheduler",
          {{"num_train_timesteps", 1000},
           {"beta_start", 0.0001},
           {"beta_end", 0.02},
           {"beta_schedule", "linear"},
           {"trained_betas", ConfigKey::Type::kList},
           {"variance_type", "fixed_small"},
           {"clip_sample", true},
           {"prediction_type", "epsilon"},
           {"thresholding", false},
           {"dynamic_thresholding_ratio", 0.995},
           {"clip_sample_range", 1.0},
           {"sample_max_value", 1.0},
           {"timestep_spacing", "leading"},
           {"steps_offset", 0},
           {"rescale_betas_zero_snr", false}},
          {},
          [](const SchedulerConfig& config, const SamplerOptions& /*options*/) {
            return std::unique_ptr<Scheduler>(std::make_unique<Ddpm>(config));
          }};
}

}  // namespace sd
