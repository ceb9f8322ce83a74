#include <cmath>

#include "core/tensor_ops.h"
#include "diffusion/noise_schedule.h"
#include "diffusion/sigma_curve.h"
#include "diffusion/sigma_scheduler.h"
#include "diffusion/sigma_table.h"

namespace sd {

namespace {

std::vector<double> all_but_first_twice(const std::vector<double>& values) {
  std::vector<double> doubled = {values.front()};
  for (size_t i = 1; i < values.size(); ++i) doubled.insert(doubled.end(), 2, values[i]);
  return doubled;
}

/// Heun's method in sigma (Karras et al. 2022, arXiv:2206.00364, algorithm 1): an Euler step, then
/// a call that corrects it; the last step, to sigma 0, is Euler's. diffusers
/// scheduling_heun_discrete.py.
class Heun : public SigmaScheduler {
 public:
  explicit Heun(const SchedulerConfig& config)
      : SigmaScheduler(config, make_alphas_cumprod(config, TerminalAlpha::kZero, {"exp"}),
                       {"epsilon", "v_prediction", "sample"}),
        config_(config),
        clip_(config),
        curve_(sigma_curve(config)) {}

  int64_t order() const override { return 2; }

 protected:
  std::vector<double> make_run(int64_t steps) override {
    slope_.reset();
    std::vector<double> times = fractional_times(spacing_request(steps));
    std::vector<double> sigmas = interpolate(times, table());
    if (curve_ != SigmaCurve::kOwn) {
      sigmas = curved_sigmas(curve_, config_, sigmas.front(), sigmas.back(), steps);
      times = times_of_sigmas(sigmas, table());
    }
    const std::vector<double> doubled = all_but_first_twice(sigmas);
    std::vector<float> run(doubled.begin(), doubled.end());
    run.push_back(0.0F);
    set_sigmas(std::move(run));
    times = all_but_first_twice(times);
    for (double& time : times) time = static_cast<float>(time);
    return times;
  }

  StepOutput step_at(int64_t call, const at::Tensor& output, const at::Tensor& sample,
                     NoiseSource& /*noise*/) override {
    // In both orders the network was called at this call's sigma.
    const at::Tensor x0 = clip_(predict_x0(sigma(call), output, sample));
    const at::Tensor slope = (sample - x0) / sigma(call);
    if (!slope_.defined()) {
      slope_ = slope;
      sample_ = sample;
      stride_ = sigma(call + 1) - sigma(call);
      return {sample + slope * stride_, x0};
    }
    const at::Tensor prev = sample_ + (slope_ + slope) / 2 * stride_;
    slope_.reset();
    return {prev, x0};
  }

 private:
  SchedulerConfig config_;
  X0Clip clip_;
  SigmaCurve curve_;

  at::Tensor slope_;   ///< of the Euler step that waits for its correction
  at::Tensor sample_;  ///< where it began
  float stride_ = 0;   ///< its change of sigma
};

}  // namespace

SchedulerClass heun_class() {
  return {"HeunDiscreteScheduler",
          {{"num_train_timesteps", 1000},
           {"beta_start", 0.00085},
           {"beta_end", 0.012},
           {"beta_schedule", "linear"},
           {"trained_betas", ConfigKey::Type::kList},
           {"prediction_type", "epsilon"},
           {"use_karras_sigmas", false},
           {"use_exponential_sigmas", false},
           {"use_beta_sigmas", false},
           {"clip_sample", false},
           {"clip_sample_range", 1.0},
           {"timestep_spacing", "linspace"},
           {"steps_offset", 0}},
          {},
          [](const SchedulerConfig& config, const SamplerOptions& /*options*/) {
            return std::unique_ptr<Scheduler>(std::make_unique<Heun>(config));
          }};
}

}  // namespace sd
