#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "diffusion/scheduler.h"
#include "diffusion/scheduler_config.h"

namespace sd {

/// What all schedulers share: the times of the run, the position in it, and the check before its
/// first use. Coefficients are host numbers that depend on the position alone, so that no step
/// waits for the device.
///
/// Without a begin index the run starts at its first call. diffusers' Euler, Heun, DPM++, UniPC and
/// LCM look the first time up instead and take the second of two equal times, as Karras sigmas with
/// zero terminal SNR have them; that run is a call longer than its table and raises at its end, so
/// there is nothing to be equal to, and SDXL's pipeline sets begin index 0.
class SchedulerBase : public Scheduler {
 public:
  explicit SchedulerBase(const SchedulerConfig& config);

  void set_timesteps(int64_t steps) final;
  const std::vector<double>& timesteps() const final { return times_; }
  void set_begin_index(int64_t index) final;
  void check() const final;
  at::Tensor scale_model_input(const at::Tensor& sample) const final;
  StepOutput step(const at::Tensor& model_output, const at::Tensor& sample,
                  NoiseSource& noise) final;
  at::Tensor add_noise(const at::Tensor& x0, const at::Tensor& noise) const final;

 protected:
  /// Makes the tables of a run of `steps` steps and forgets the history; returns its times.
  virtual std::vector<double> make_run(int64_t steps) = 0;
  /// Has model call `call` a time inside the tables and finite coefficients?
  virtual bool is_computable(int64_t call) const = 0;
  virtual at::Tensor scaled_input(int64_t /*call*/, const at::Tensor& sample) const {
    return sample;
  }
  virtual StepOutput step_at(int64_t call, const at::Tensor& model_output, const at::Tensor& sample,
                             NoiseSource& noise) = 0;
  virtual at::Tensor noised(int64_t call, const at::Tensor& x0, const at::Tensor& noise) const = 0;

  /// Throws kUsage: this sampler cannot take that many steps.
  [[noreturn]] void fail_steps(int64_t steps, const std::string& reason) const;

  int64_t train_times() const { return train_times_; }
  int64_t steps() const { return steps_; }
  int64_t calls() const { return static_cast<int64_t>(times_.size()); }
  int64_t begin_index() const { return begin_; }
  double time_of(int64_t call) const { return times_[static_cast<size_t>(call)]; }
  int64_t whole_time_of(int64_t call) const { return static_cast<int64_t>(time_of(call)); }

 private:
  std::string name_;
  bool has_spacing_;  ///< does the class have timestep_spacing?
  int64_t train_times_;
  int64_t steps_ = 0;
  std::vector<double> times_;
  int64_t begin_ = 0;
  int64_t call_ = 0;
};

/// The config's prediction_type, one of epsilon, v_prediction and sample, less those not named.
PredictionType prediction_type(const SchedulerConfig& config,
                               const std::vector<std::string>& allowed = {"epsilon", "v_prediction",
                                                                          "sample"});

/// Clipping of the predicted x0 as DDIM, DDPM, LCM and Heun have it, and dynamic thresholding
/// (Saharia et al. 2022, arXiv:2205.11487), which wins.
class X0Clip {
 public:
  X0Clip() = default;  ///< leaves x0 as it is
  /// Reads those of clip_sample, clip_sample_range, thresholding, dynamic_thresholding_ratio and
  /// sample_max_value that the class has.
  explicit X0Clip(const SchedulerConfig& config);

  /// x0 [B, C, h, w] -> the same shape and type
  at::Tensor operator()(const at::Tensor& x0) const;
  /// Does it make infinite values finite?
  bool bounds() const { return clip_range_.has_value() && !thresholding_; }

 private:
  bool thresholding_ = false;
  double ratio_ = 0;
  double max_value_ = 0;
  std::optional<double> clip_range_;
};

/// sqrt(alpha)·x0 + sqrt(1 - alpha)·noise with the roots taken in the sample's type, as diffusers
/// does. x0, noise [B, C, h, w].
at::Tensor noised_to_alpha(float alpha_cumprod, const at::Tensor& x0, const at::Tensor& noise);

}  // namespace sd
