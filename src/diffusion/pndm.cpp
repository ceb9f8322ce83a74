#include <array>
#include <cmath>
#include <deque>

#include "core/tensor_ops.h"
#include "diffusion/host_math.h"
#include "diffusion/noise_schedule.h"
#include "diffusion/scheduler_base.h"
#include "diffusion/timestep_spacing.h"

namespace sd {

namespace {

constexpr int64_t kOrder = 4;

/// Pseudo numerical methods (Liu et al. 2022, arXiv:2202.09778), formulas 9, 12, 13 and algorithm
/// 2: three Runge-Kutta steps of four calls each (unless skip_prk_steps), then a linear multistep
/// method of order 4. diffusers scheduling_pndm.py.
class Pndm : public SchedulerBase {
 public:
  explicit Pndm(const SchedulerConfig& config)
      : SchedulerBase(config),
        alphas_(make_alphas_cumprod(config, TerminalAlpha::kZero)),
        final_alpha_(config.get_bool("set_alpha_to_one") ? 1.0F : alphas_.front()),
        prediction_(prediction_type(config, {"epsilon", "v_prediction"})),
        spacing_(timestep_spacing(config)),
        offset_(config.get_int("steps_offset")),
        skip_runge_kutta_(config.get_bool("skip_prk_steps")) {}

 protected:
  std::vector<double> make_run(int64_t steps) override {
    history_.clear();
    first_sample_.reset();
    sum_.reset();
    std::vector<double> times = whole_times({spacing_, train_times(), steps, offset_});
    if (skip_runge_kutta_) {
      runge_kutta_calls_ = 0;
      // The second time twice: its first call estimates the slope at the end of the first step.
      if (times.size() > 1) times.insert(times.begin() + 1, times[1]);
      return times;
    }
    if (static_cast<int64_t>(times.size()) < kOrder) {
      fail_steps(steps, "Runge-Kutta warm-up needs at least 4 steps (plms has none)");
    }
    const double half = static_cast<double>(half_stride());
    std::vector<double> run = {times[0], times[1] + half};
    for (int64_t i = 1; i < kOrder - 1; ++i) {
      const double time = times[static_cast<size_t>(i)];
      const double next = times[static_cast<size_t>(i) + 1];
      run.insert(run.end(), {time + half, time, time, next + half});
    }
    run.insert(run.end(), {times[kOrder - 1] + half, times[kOrder - 1]});
    runge_kutta_calls_ = static_cast<int64_t>(run.size());
    run.insert(run.end(), times.begin() + kOrder - 1, times.end());
    return run;
  }

  bool is_computable(int64_t call) const override {
    const Transfer t = transfer(call);
    return all_finite({t.sample, t.difference, t.denominator, t.sqrt_alpha, t.sqrt_beta,
                       at_time(alphas_, whole_time_of(call))}) &&
           t.denominator != 0;
  }

  StepOutput step_at(int64_t call, const at::Tensor& output, const at::Tensor& sample,
                     NoiseSource& /*noise*/) override {
    const int64_t count = call - begin_index();
    const at::Tensor prev = count < runge_kutta_calls_ ? runge_kutta_step(call, output, sample)
                                                       : multistep_step(call, output, sample);
    return {prev, predict_x0(call, output, sample)};
  }

  at::Tensor noised(int64_t call, const at::Tensor& x0, const at::Tensor& noise) const override {
    return noised_to_alpha(at_time(alphas_, whole_time_of(call)), x0, noise);
  }

 private:
  struct Times {
    int64_t from;
    int64_t to;
  };

  /// Formula 9 from one time to another.
  struct Transfer {
    float sample;      ///< of the sample
    float difference;  ///< of epsilon, over
    float denominator;
    float sqrt_alpha;  ///< of the time it starts from
    float sqrt_beta;
  };

  int64_t stride() const { return train_times() / steps(); }
  int64_t half_stride() const { return stride() / 2; }

  Times times_of(int64_t call) const {
    const int64_t count = call - begin_index();
    const int64_t time = whole_time_of(call);
    if (count < runge_kutta_calls_) {
      // All four evaluations start from the time of the first.
      return {whole_time_of(count / 4 * 4), time - (count % 2 == 0 ? half_stride() : 0)};
    }
    // The second call redoes the first step.
    if (count == 1) return {time + stride(), time};
    return {time, time - stride()};
  }

  Transfer transfer(int64_t call) const {
    const Times times = times_of(call);
    const float alpha = at_time(alphas_, times.from);
    const float alpha_prev = times.to >= 0 ? at_time(alphas_, times.to) : final_alpha_;
    const float beta = 1.0F - alpha;
    const float beta_prev = 1.0F - alpha_prev;
    return {torch_sqrt(alpha_prev / alpha), alpha_prev - alpha,
            alpha * torch_sqrt(beta_prev) + torch_sqrt(alpha * beta * alpha_prev),
            torch_sqrt(alpha), torch_sqrt(beta)};
  }

  at::Tensor transferred(int64_t call, const at::Tensor& sample, const at::Tensor& slope) const {
    const Transfer t = transfer(call);
    const at::Tensor epsilon = prediction_ == PredictionType::kVPrediction
                                   ? t.sqrt_alpha * slope + t.sqrt_beta * sample
                                   : slope;
    return t.sample * sample - t.difference * epsilon / t.denominator;
  }

  at::Tensor runge_kutta_step(int64_t call, const at::Tensor& output, const at::Tensor& sample) {
    at::Tensor slope = output;
    switch ((call - begin_index()) % 4) {
      case 0:
        sum_ = (1.0 / 6) * output;
        history_.push_back(output);
        first_sample_ = sample;
        break;
      case 3: slope = sum_ + (1.0 / 6) * output; break;
      default: sum_ = sum_ + (1.0 / 3) * output;
    }
    return transferred(call, first_sample_, slope);
  }

  at::Tensor multistep_step(int64_t call, const at::Tensor& output, const at::Tensor& sample) {
    if (call - begin_index() == 1) {
      return transferred(call, first_sample_, (output + history_.back()) / 2);
    }
    while (history_.size() > kOrder - 1) history_.pop_front();
    history_.push_back(output);
    if (history_.size() == 1) first_sample_ = sample;
    return transferred(call, sample, adams_bashforth());
  }

  at::Tensor adams_bashforth() const {
    const auto ago = [&](size_t calls) { return history_[history_.size() - 1 - calls]; };
    switch (history_.size()) {
      case 1: return ago(0);
      case 2: return (3 * ago(0) - ago(1)) / 2;
      case 3: return (23 * ago(0) - 16 * ago(1) + 5 * ago(2)) / 12;
      default: return (1.0 / 24) * (55 * ago(0) - 59 * ago(1) + 37 * ago(2) - 9 * ago(3));
    }
  }

  /// diffusers' PNDM has no such output: this is DDIM's estimate from this call alone.
  at::Tensor predict_x0(int64_t call, const at::Tensor& output, const at::Tensor& sample) const {
    const float alpha = at_time(alphas_, whole_time_of(call));
    const float sqrt_alpha = torch_sqrt(alpha);
    const float sqrt_beta = torch_sqrt(1.0F - alpha);
    return prediction_ == PredictionType::kVPrediction ? sqrt_alpha * sample - sqrt_beta * output
                                                       : (sample - sqrt_beta * output) / sqrt_alpha;
  }

  std::vector<float> alphas_;
  float final_alpha_;
  PredictionType prediction_;
  TimestepSpacing spacing_;
  int64_t offset_;
  bool skip_runge_kutta_;
  int64_t runge_kutta_calls_ = 0;

  std::deque<at::Tensor> history_;  ///< model outputs, the latest last
  at::Tensor first_sample_;         ///< where the step with several calls began
  at::Tensor sum_;                  ///< Runge-Kutta's weighted slopes so far
};

}  // namespace

SchedulerClass pndm_class() {
  return {"PNDMScheduler",
          {{"num_train_timesteps", 1000},
           {"beta_start", 0.0001},
           {"beta_end", 0.02},
           {"beta_schedule", "linear"},
           {"trained_betas", ConfigKey::Type::kList},
           {"skip_prk_steps", false},
           {"set_alpha_to_one", false},
           {"prediction_type", "epsilon"},
           {"timestep_spacing", "leading"},
           {"steps_offset", 0}},
          {},
          [](const SchedulerConfig& config, const SamplerOptions& /*options*/) {
            return std::unique_ptr<Scheduler>(std::make_unique<Pndm>(config));
          }};
}

}  // namespace sd
