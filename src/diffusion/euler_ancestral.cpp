#include <cmath>

#include "core/tensor_ops.h"
#include "diffusion/host_math.h"
#include "diffusion/noise_schedule.h"
#include "diffusion/sigma_scheduler.h"
#include "diffusion/sigma_table.h"

namespace sd {

namespace {

/// Euler's method to a lower sigma than the next, and fresh noise up to it, drawn in every step;
/// diffusers scheduling_euler_ancestral_discrete.py.
class EulerAncestral : public SigmaScheduler {
 public:
  explicit EulerAncestral(const SchedulerConfig& config)
      : SigmaScheduler(config, make_alphas_cumprod(config, TerminalAlpha::kSmallestFloat16),
                       {"epsilon", "v_prediction"}) {}

 protected:
  std::vector<double> make_run(int64_t steps) override {
    std::vector<double> times = fractional_times(spacing_request(steps));
    const std::vector<double> sigmas = interpolate(times, table());
    std::vector<float> run(sigmas.begin(), sigmas.end());
    run.push_back(0.0F);
    set_sigmas(std::move(run));
    return times;
  }

  bool is_computable(int64_t call) const override {
    const Split split = split_at(call);
    return SigmaScheduler::is_computable(call) && all_finite({split.up, split.down});
  }

  StepOutput step_at(int64_t call, const at::Tensor& output, const at::Tensor& sample,
                     NoiseSource& noise) override {
    const Split split = split_at(call);
    const at::Tensor x = sample.to(at::kFloat);
    const at::Tensor x0 = predict_x0(sigma(call), output, x);
    const at::Tensor slope = (x - x0) / sigma(call);
    const at::Tensor lower = x + slope * (split.down - sigma(call));
    const at::Tensor prev = lower + draw_like(noise, output) * split.up;
    return {prev.to(output.scalar_type()), x0};
  }

 private:
  struct Split {
    float up;    ///< the deviation of the fresh noise
    float down;  ///< the sigma that Euler's step goes to
  };

  Split split_at(int64_t call) const {
    const float from = square(sigma(call));
    const float to = square(sigma(call + 1));
    const float up = torch_sqrt(to * (from - to) / from);
    return {up, torch_sqrt(to - square(up))};
  }
};

}  // namespace

SchedulerClass euler_ancestral_class() {
  return {"EulerAncestralDiscreteScheduler",
          {{"num_train_timesteps", 1000},
           {"beta_start", 0.0001},
           {"beta_end", 0.02},
           {"beta_schedule", "linear"},
           {"trained_betas", ConfigKey::Type::kList},
           {"prediction_type", "epsilon"},
           {"timestep_spacing", "linspace"},
           {"steps_offset", 0},
           {"rescale_betas_zero_snr", false}},
          {},
          [](const SchedulerConfig& config, const SamplerOptions& /*options*/) {
            return std::unique_ptr<Scheduler>(std::make_unique<EulerAncestral>(config));
          }};
}

}  // namespace sd
