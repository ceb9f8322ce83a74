#pragma once

#include <vector>

#include "diffusion/scheduler_base.h"
#include "diffusion/timestep_spacing.h"

namespace sd {

/// What the samplers of the variance-exploding form share (Euler, Heun): x = x0 + sigma·noise, so
/// the network's input is scaled and pure noise has the largest sigma.
class SigmaScheduler : public SchedulerBase {
 public:
  SigmaScheduler(const SchedulerConfig& config, const std::vector<float>& alphas_cumprod,
                 const std::vector<std::string>& prediction_types);

  double init_noise_sigma() const override;

 protected:
  bool is_computable(int64_t call) const override;
  at::Tensor scaled_input(int64_t call, const at::Tensor& sample) const override;
  at::Tensor noised(int64_t call, const at::Tensor& x0, const at::Tensor& noise) const override;

  /// The clean sample that `output` stands for at this sigma, in the sample's type.
  at::Tensor predict_x0(float sigma, const at::Tensor& output, const at::Tensor& sample) const;

  float sigma(int64_t call) const { return sigmas_[static_cast<size_t>(call)]; }
  SpacingRequest spacing_request(int64_t steps) const {
    return {spacing_, train_times(), steps, offset_};
  }
  /// The sigma of every training time.
  const std::vector<float>& table() const { return table_; }
  PredictionType prediction() const { return prediction_; }

  /// The sigma of every call and the last one's target, at least one more than calls.
  void set_sigmas(std::vector<float> sigmas) { sigmas_ = std::move(sigmas); }

 private:
  std::vector<float> table_;
  PredictionType prediction_;
  TimestepSpacing spacing_;
  int64_t offset_;
  std::vector<float> sigmas_;
};

}  // namespace sd
