#include <algorithm>
#include <cmath>
#include <limits>

#include "core/check.h"
#include "core/tensor_ops.h"
#include "diffusion/host_math.h"
#include "diffusion/vp_multistep.h"

namespace sd {

namespace {

/// DPM-Solver++ multistep of order 1 to 3 (Lu et al. 2022, arXiv:2211.01095, algorithm 2 and
/// appendix B); diffusers scheduling_dpmsolver_multistep.py.
class DpmppMultistep : public VpMultistepScheduler {
 public:
  explicit DpmppMultistep(const SchedulerConfig& config)
      : VpMultistepScheduler(config),
        heun_(config.get_choice("solver_type", {"midpoint", "heun"}) == "heun"),
        euler_at_final_(config.get_bool("euler_at_final")),
        // Without rounding, diffusers truncates: to the time below.
        rounds_karras_times_(config.get_string("beta_schedule") != "squaredcos_cap_v2"),
        lambda_min_(config.get_double("lambda_min_clipped")) {
    config.get_choice("algorithm_type", {"dpmsolver++"});
    if (solver_order() < 1 || solver_order() > 3) config.refuse("solver_order");
    // A learned variance is cut off after three channels, which is right for pictures alone.
    const bool learned =
        config.has("variance_type") && config.get_string("variance_type").starts_with("learned");
    if (learned) config.refuse("variance_type");
  }

 protected:
  std::vector<double> make_run(int64_t steps) override {
    forget();
    return make_grid({.steps = steps,
                      .grid_end = train_times() - times_below_lambda_min(),
                      .curve_end = CurveEnd::kTrainingMinimum,
                      .rounds_karras_times = rounds_karras_times_});
  }

  bool is_computable(int64_t call) const override {
    const Coefficients c = coefficients(call);
    return all_finite({c.sample, c.d0, c.d1, c.d2, c.newer, c.older, c.mix, c.curve}) &&
           std::isfinite(level(call).lambda);
  }

  StepOutput step_at(int64_t call, const at::Tensor& output, const at::Tensor& sample,
                     NoiseSource& /*noise*/) override {
    const at::Tensor x0 = predict_x0(call, output, sample);
    remember(x0);
    const Coefficients c = coefficients(call);
    at::Tensor prev = c.sample * sample.to(at::kFloat) - c.d0 * x0;
    if (c.order >= 2) {
      at::Tensor slope = c.newer * (x0 - remembered(1));
      at::Tensor curvature;
      if (c.order == 3) {
        const at::Tensor change = slope - c.older * (remembered(1) - remembered(2));
        slope = slope + c.mix * change;
        curvature = c.curve * change;
      }
      prev = prev + c.d1 * slope;
      if (c.order == 3) prev = prev - c.d2 * curvature;
    }
    return {prev.to(x0.scalar_type()), x0};
  }

 private:
  /// x' = sample·x - d0·D0 + d1·D1 - d2·D2 with D0 the latest x0 and D1, D2 its divided
  /// differences.
  struct Coefficients {
    int64_t order = 1;
    float sample = 0;
    float d0 = 0;
    float d1 = 0;
    float d2 = 0;
    float newer = 0;  ///< of the latest difference of x0 in D1
    float older = 0;  ///< of the one before, order 3
    float mix = 0;    ///< of their difference in D1, order 3
    float curve = 0;  ///< of their difference in D2, order 3
  };

  int64_t order_at(int64_t call) const {
    const int64_t known = known_outputs(call);
    const bool few_calls = lower_order_final() && calls() < 15;
    const bool last = call == calls() - 1;
    if (known < 1 || solver_order() == 1 ||
        (last && (euler_at_final_ || few_calls || ends_at_zero()))) {
      return 1;
    }
    const bool last_but_one = call == calls() - 2;
    return known < 2 || solver_order() == 2 || (last_but_one && few_calls) ? 2 : 3;
  }

  Coefficients coefficients(int64_t call) const {
    const VpLevel& from = level(call);
    const VpLevel& to = level(call + 1);
    const float h = to.lambda - from.lambda;
    const float decay = torch_exp(-h) - 1.0F;
    Coefficients c;
    c.order = order_at(call);
    c.sample = to.sigma / from.sigma;
    c.d0 = to.alpha * decay;
    if (c.order == 1) return c;
    const float h0 = from.lambda - level(call - 1).lambda;
    const float r0 = h0 / h;
    c.newer = 1.0F / r0;
    const bool midpoint = c.order == 2 && !heun_;
    c.d1 = midpoint ? -(0.5F * (to.alpha * decay)) : to.alpha * (decay / h + 1.0F);
    if (c.order == 2) return c;
    const float r1 = (level(call - 1).lambda - level(call - 2).lambda) / h;
    c.older = 1.0F / r1;
    c.mix = r0 / (r0 + r1);
    c.curve = 1.0F / (r0 + r1);
    c.d2 = to.alpha * ((decay + h) / square(h) - 0.5F);
    return c;
  }

  /// How many of the noisiest training times lambda_min_clipped cuts off.
  int64_t times_below_lambda_min() const {
    if (lambda_min_ < std::numeric_limits<float>::lowest()) return 0;
    const auto is_below = [&](float alpha) {
      const float lambda = torch_log(torch_sqrt(alpha)) - torch_log(torch_sqrt(1.0F - alpha));
      return lambda < static_cast<float>(lambda_min_);
    };
    return std::count_if(alphas_cumprod().begin(), alphas_cumprod().end(), is_below);
  }

  bool heun_;
  bool euler_at_final_;
  bool rounds_karras_times_;
  double lambda_min_;
};

}  // namespace

SchedulerClass dpmpp_multistep_class() {
  return {"DPMSolverMultistepScheduler",
          {{"num_train_timesteps", 1000},
           {"beta_start", 0.0001},
           {"beta_end", 0.02},
           {"beta_schedule", "linear"},
           {"trained_betas", ConfigKey::Type::kList},
           {"solver_order", 2},
           {"prediction_type", "epsilon"},
           {"thresholding", false},
           {"dynamic_thresholding_ratio", 0.995},
           {"sample_max_value", 1.0},
           {"algorithm_type", "dpmsolver++"},
           {"solver_type", "midpoint"},
           {"lower_order_final", true},
           {"euler_at_final", false},
           {"use_karras_sigmas", false},
           {"use_exponential_sigmas", false},
           {"use_beta_sigmas", false},
           {"use_lu_lambdas", false},
           {"use_flow_sigmas", false},
           {"flow_shift", 1.0},
           {"final_sigmas_type", "zero"},
           {"lambda_min_clipped", -std::numeric_limits<double>::infinity()},
           {"variance_type", ConfigKey::Type::kString},
           {"timestep_spacing", "linspace"},
           {"steps_offset", 0},
           {"rescale_betas_zero_snr", false},
           {"use_dynamic_shifting", false},
           {"time_shift_type", "exponential"}},
          {{"algorithm_type", {"deis"}, "dpmsolver++"},
           {"solver_type", {"logrho", "bh1", "bh2"}, "midpoint"}},
          [](const SchedulerConfig& config, const SamplerOptions& /*options*/) {
            return std::unique_ptr<Scheduler>(std::make_unique<DpmppMultistep>(config));
          }};
}

}  // namespace sd
