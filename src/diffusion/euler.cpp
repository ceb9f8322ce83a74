#include <cmath>

#include "core/check.h"
#include "core/tensor_ops.h"
#include "diffusion/host_math.h"
#include "diffusion/noise_schedule.h"
#include "diffusion/sigma_curve.h"
#include "diffusion/sigma_scheduler.h"
#include "diffusion/sigma_table.h"

namespace sd {

namespace {

/// "original_sample" is an old name of "sample".
SchedulerConfig with_current_names(SchedulerConfig config) {
  if (config.get_string("prediction_type") == "original_sample") {
    config.set("prediction_type", std::string("sample"));
  }
  return config;
}

/// Euler's method in sigma (Karras et al. 2022, arXiv:2206.00364, algorithm 2 without churn);
/// diffusers scheduling_euler_discrete.py.
class Euler : public SigmaScheduler {
 public:
  explicit Euler(const SchedulerConfig& config)
      : SigmaScheduler(with_current_names(config),
                       make_alphas_cumprod(config, TerminalAlpha::kSmallestFloat16),
                       {"epsilon", "v_prediction", "sample"}),
        config_(config),
        log_linear_(config.get_choice("interpolation_type", {"linear", "log_linear"}) ==
                    "log_linear"),
        continuous_(config.get_choice("timestep_type", {"discrete", "continuous"}) == "continuous"),
        ends_at_zero_(config.get_choice("final_sigmas_type", {"zero", "sigma_min"}) == "zero"),
        curve_(sigma_curve(config)) {}

 protected:
  std::vector<double> make_run(int64_t steps) override {
    std::vector<double> times = fractional_times(spacing_request(steps));
    std::vector<double> sigmas =
        log_linear_ ? log_linear_sigmas(steps) : interpolate(times, table());
    if (curve_ != SigmaCurve::kOwn) {
      sigmas = curved_sigmas(curve_, config_, sigmas.front(), sigmas.back(), steps);
      times = times_of_sigmas(sigmas, table());
    }
    std::vector<float> run(sigmas.begin(), sigmas.end());
    run.push_back(ends_at_zero_ ? 0.0F : table().front());
    if (continuous_ && prediction() == PredictionType::kVPrediction) {
      times.clear();
      for (size_t i = 0; i + 1 < run.size(); ++i) times.push_back(0.25F * torch_log(run[i]));
    }
    for (double& time : times) time = static_cast<float>(time);
    set_sigmas(std::move(run));
    return times;
  }

  StepOutput step_at(int64_t call, const at::Tensor& output, const at::Tensor& sample,
                     NoiseSource& /*noise*/) override {
    const at::Tensor x = sample.to(at::kFloat);
    const at::Tensor x0 = predict_x0(sigma(call), output, x);
    const at::Tensor slope = (x - x0) / sigma(call);
    const at::Tensor prev = x + slope * (sigma(call + 1) - sigma(call));
    return {prev.to(output.scalar_type()), x0};
  }

 private:
  /// One sigma more than steps, from the largest to the smallest of the table.
  std::vector<double> log_linear_sigmas(int64_t steps) const {
    const at::Tensor sigmas = at::exp(
        at::linspace(std::log(table().back()), std::log(table().front()), steps + 1, at::kFloat));
    const float* data = sigmas.const_data_ptr<float>();
    return {data, data + sigmas.numel()};
  }

  SchedulerConfig config_;
  bool log_linear_;
  bool continuous_;
  bool ends_at_zero_;
  SigmaCurve curve_;
};

}  // namespace

SchedulerClass euler_class() {
  return {"EulerDiscreteScheduler",
          {{"num_train_timesteps", 1000},
           {"beta_start", 0.0001},
           {"beta_end", 0.02},
           {"beta_schedule", "linear"},
           {"trained_betas", ConfigKey::Type::kList},
           {"prediction_type", "epsilon"},
           {"interpolation_type", "linear"},
           {"use_karras_sigmas", false},
           {"use_exponential_sigmas", false},
           {"use_beta_sigmas", false},
           {"sigma_min", ConfigKey::Type::kDouble},
           {"sigma_max", ConfigKey::Type::kDouble},
           {"timestep_spacing", "linspace"},
           {"timestep_type", "discrete"},
           {"steps_offset", 0},
           {"rescale_betas_zero_snr", false},
           {"final_sigmas_type", "zero"}},
          {},
          [](const SchedulerConfig& config, const SamplerOptions& /*options*/) {
            return std::unique_ptr<Scheduler>(std::make_unique<Euler>(config));
          }};
}

}  // namespace sd
