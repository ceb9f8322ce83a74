#pragma once

#include <utility>
#include <vector>

#include "diffusion/scheduler_base.h"

namespace sd {

/// What the samplers of rectified flows share (Liu et al. 2022, arXiv:2209.03003; Esser et al.
/// 2024, arXiv:2403.03206): x = (1 - sigma)·x0 + sigma·noise, the network's output is the velocity
/// noise - x0, and the time of a call is its sigma times the number of training times.
class FlowScheduler : public SchedulerBase {
 public:
  /// `shift` is that of the training sigmas, 1 for none.
  FlowScheduler(const SchedulerConfig& config, double shift);

 protected:
  bool is_computable(int64_t call) const override;

  /// `steps` even sigmas from the largest to the smallest training sigma, both shifted already.
  std::vector<double> even_sigmas(int64_t steps) const;
  /// The times of such sigmas, rounded to float32.
  std::vector<double> times_of(const std::vector<float>& sigmas) const;

  float sigma(int64_t call) const { return sigmas_[static_cast<size_t>(call)]; }
  /// The sigma of every call and the last one's target, one more than calls.
  void set_sigmas(std::vector<float> sigmas) { sigmas_ = std::move(sigmas); }

 private:
  double largest_;
  double smallest_;
  std::vector<float> sigmas_;
};

/// More of the run at high noise for a shift above 1: shift·sigma / (1 + (shift - 1)·sigma)
/// (Esser et al., equation 23).
double shifted_sigma(double sigma, double shift);

}  // namespace sd
