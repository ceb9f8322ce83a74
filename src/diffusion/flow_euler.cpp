#include <cmath>

#include "core/check.h"
#include "core/tensor_ops.h"
#include "diffusion/flow_sigmas.h"
#include "diffusion/host_math.h"
#include "diffusion/sigma_curve.h"

namespace sd {

namespace {

/// How the sigmas are shifted in a run: by the config's `shift`, or under use_dynamic_shifting by
/// one that grows with the picture.
class Shift {
 public:
  Shift(const SchedulerConfig& config, const SamplerOptions& options)
      : is_dynamic_(config.get_bool("use_dynamic_shifting")), shift_(config.get_double("shift")) {
    const std::string type = config.get_choice("time_shift_type", {"exponential", "linear"});
    if (!is_dynamic_) return;
    SD_CHECK(options.image_tokens, ErrorKind::kModel, config.source(),
             ": 'use_dynamic_shifting' = true is not supported for a model without image tokens");
    const double mu = mu_of(config, static_cast<double>(*options.image_tokens));
    weight_ = type == "exponential" ? std::exp(mu) : mu;
  }

  /// Of the training sigmas, which a dynamic shift leaves alone.
  static double of_training(const SchedulerConfig& config) {
    return config.get_bool("use_dynamic_shifting") ? 1.0 : config.get_double("shift");
  }

  double operator()(double sigma) const {
    return is_dynamic_ ? weight_ / (weight_ + (1 / sigma - 1)) : shifted_sigma(sigma, shift_);
  }

 private:
  /// A line through (base_image_seq_len, base_shift) and (max_image_seq_len, max_shift)
  /// (pipeline_stable_diffusion_3.py, `calculate_shift`).
  static double mu_of(const SchedulerConfig& config, double tokens) {
    const int64_t first = config.get_int("base_image_seq_len");
    const int64_t last = config.get_int("max_image_seq_len");
    if (first == last) config.refuse("max_image_seq_len");
    const double at_first = config.get_double("base_shift");
    const double slope =
        (config.get_double("max_shift") - at_first) / static_cast<double>(last - first);
    return tokens * slope + (at_first - slope * static_cast<double>(first));
  }

  bool is_dynamic_;
  double shift_;
  double weight_ = 0;  ///< of the dynamic shift
};

/// The sigmas stretched so that the last one is `terminal`.
void stretch_to(double terminal, std::vector<double>& sigmas) {
  const double factor = (1 - sigmas.back()) / (1 - terminal);
  for (double& sigma : sigmas) sigma = 1 - (1 - sigma) / factor;
}

/// Euler's method along the velocity; diffusers scheduling_flow_match_euler_discrete.py.
class FlowEuler : public FlowScheduler {
 public:
  FlowEuler(const SchedulerConfig& config, const SamplerOptions& options)
      : FlowScheduler(config, Shift::of_training(config)),
        config_(config),
        shift_(config, options),
        terminal_(config.has("shift_terminal") ? config.get_double("shift_terminal") : 0.0),
        curve_(sigma_curve(config)),
        end_(config.get_bool("invert_sigmas") ? 1.0F : 0.0F),
        stochastic_(config.get_bool("stochastic_sampling")) {}

 protected:
  std::vector<double> make_run(int64_t steps) override {
    std::vector<double> sigmas = even_sigmas(steps);
    for (double& sigma : sigmas) sigma = shift_(sigma);
    if (terminal_ != 0) stretch_to(terminal_, sigmas);
    if (curve_ != SigmaCurve::kOwn) {
      sigmas = curved_sigmas(curve_, config_, sigmas.front(), sigmas.back(), steps);
    }
    std::vector<float> run(sigmas.begin(), sigmas.end());
    if (is_inverted()) {
      for (float& sigma : run) sigma = 1.0F - sigma;
    }
    std::vector<double> times = times_of(run);
    run.push_back(end_);
    set_sigmas(std::move(run));
    return times;
  }

  StepOutput step_at(int64_t call, const at::Tensor& velocity, const at::Tensor& sample,
                     NoiseSource& noise) override {
    const at::Tensor x = sample.to(at::kFloat);
    const float next = sigma(call + 1);
    at::Tensor prev;
    if (stochastic_) {
      const at::Tensor x0 = x - velocity * sigma(call);
      prev = x0 * (1.0F - next) + draw_like(noise, x) * next;
    } else {
      prev = x + velocity * (next - sigma(call));
    }
    return {prev.to(velocity.scalar_type()), x + velocity * (end_ - sigma(call))};
  }

  at::Tensor noised(int64_t call, const at::Tensor& x0, const at::Tensor& noise) const override {
    // diffusers rounds sigma to the sample's type first, and one less sigma, too.
    const at::Tensor level = at::full({}, sigma(call), at::kFloat).to(x0.scalar_type());
    return noise * level.item() + x0 * (1 - level).item();
  }

 private:
  bool is_inverted() const { return end_ == 1.0F; }

  SchedulerConfig config_;
  Shift shift_;
  double terminal_;  ///< the last sigma before the end; 0: as it comes
  SigmaCurve curve_;
  float end_;  ///< the sigma of the clean sample: 1 where the sigmas are inverted (Mochi)
  bool stochastic_;
};

}  // namespace

SchedulerClass flow_euler_class() {
  return {"FlowMatchEulerDiscreteScheduler",
          {{"num_train_timesteps", 1000},
           {"shift", 1.0},
           {"use_dynamic_shifting", false},
           {"base_shift", 0.5},
           {"max_shift", 1.15},
           {"base_image_seq_len", 256},
           {"max_image_seq_len", 4096},
           {"invert_sigmas", false},
           {"shift_terminal", ConfigKey::Type::kDouble},
           {"use_karras_sigmas", false},
           {"use_exponential_sigmas", false},
           {"use_beta_sigmas", false},
           {"time_shift_type", "exponential"},
           {"stochastic_sampling", false}},
          {},
          [](const SchedulerConfig& config, const SamplerOptions& options) {
            return std::unique_ptr<Scheduler>(std::make_unique<FlowEuler>(config, options));
          },
          ModelKind::kFlow};
}

}  // namespace sd
