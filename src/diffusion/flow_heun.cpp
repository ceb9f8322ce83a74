#include "core/tensor_ops.h"
#include "diffusion/flow_sigmas.h"

namespace sd {

namespace {

/// Heun's method along the velocity: an Euler step, then a call that corrects it; the last step, to
/// sigma 0, is Euler's. diffusers scheduling_flow_match_heun_discrete.py without churn.
class FlowHeun : public FlowScheduler {
 public:
  explicit FlowHeun(const SchedulerConfig& config)
      : FlowScheduler(config, config.get_double("shift")), shift_(config.get_double("shift")) {
    // A key of FlowMatchEulerDiscreteScheduler; with it diffusers' pipelines pass a shift that this
    // class does not take.
    const ConfigValue dynamic = config.carried_value("use_dynamic_shifting");
    if (dynamic == ConfigValue(true)) config.refuse("use_dynamic_shifting");
  }

  int64_t order() const override { return 2; }

 protected:
  std::vector<double> make_run(int64_t steps) override {
    slope_.reset();
    std::vector<float> run;  // the sigma of every call: all but the first twice
    for (const double sigma : even_sigmas(steps)) {
      run.insert(run.end(), run.empty() ? 1 : 2, static_cast<float>(shifted_sigma(sigma, shift_)));
    }
    std::vector<double> times = times_of(run);
    run.push_back(0.0F);
    set_sigmas(std::move(run));
    return times;
  }

  bool is_computable(int64_t call) const override {
    return FlowScheduler::is_computable(call) && sigma(call) > 0;
  }

  StepOutput step_at(int64_t call, const at::Tensor& velocity, const at::Tensor& sample,
                     NoiseSource& /*noise*/) override {
    // In both orders the network was called at this call's sigma.
    const at::Tensor x = sample.to(at::kFloat);
    const at::Tensor x0 = x - velocity * sigma(call);
    const at::Tensor slope = (x - x0) / sigma(call);
    at::Tensor prev;
    if (!slope_.defined()) {
      slope_ = slope;
      sample_ = x;
      stride_ = sigma(call + 1) - sigma(call);
      prev = x + slope * stride_;
    } else {
      prev = sample_ + (slope_ + slope) * 0.5 * stride_;
      slope_.reset();
    }
    return {prev.to(velocity.scalar_type()), x0};
  }

  at::Tensor noised(int64_t call, const at::Tensor& x0, const at::Tensor& noise) const override {
    return noise * sigma(call) + x0 * (1.0F - sigma(call));
  }

 private:
  double shift_;

  at::Tensor slope_;   ///< of the Euler step that waits for its correction
  at::Tensor sample_;  ///< where it began
  float stride_ = 0;   ///< its change of sigma
};

}  // namespace

SchedulerClass flow_heun_class() {
  return {"FlowMatchHeunDiscreteScheduler",
          {{"num_train_timesteps", 1000}, {"shift", 1.0}},
          {},
          [](const SchedulerConfig& config, const SamplerOptions& /*options*/) {
            return std::unique_ptr<Scheduler>(std::make_unique<FlowHeun>(config));
          },
          ModelKind::kFlow};
}

}  // namespace sd
