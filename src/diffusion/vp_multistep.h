#pragma once

#include <deque>
#include <vector>

#include "diffusion/scheduler_base.h"
#include "diffusion/sigma_curve.h"
#include "diffusion/sigma_table.h"
#include "diffusion/timestep_spacing.h"

namespace sd {

/// What the multistep samplers of the variance-preserving form share (DPM++, UniPC): the grid of
/// noise levels, one more than calls, and the history of converted model outputs.
class VpMultistepScheduler : public SchedulerBase {
 public:
  explicit VpMultistepScheduler(const SchedulerConfig& config);

 protected:
  /// The sigma that the last step goes to under final_sigmas_type = sigma_min and a sigma curve.
  enum class CurveEnd { kTrainingMinimum, kOwnMinimum };

  /// Sets the levels and returns the times. `grid_end` bounds the times (see multistep_times);
  /// Karras sigmas have the nearest whole times where `rounds_karras_times` says so; otherwise the
  /// sigmas of a curve have the whole times below.
  struct GridRequest {
    int64_t steps;
    int64_t grid_end;
    CurveEnd curve_end;
    bool rounds_karras_times;
  };
  std::vector<double> make_grid(const GridRequest& request);

  at::Tensor noised(int64_t call, const at::Tensor& x0, const at::Tensor& noise) const override;

  const VpLevel& level(int64_t call) const { return levels_[static_cast<size_t>(call)]; }
  /// The clean sample that `output` stands for at this call.
  at::Tensor predict_x0(int64_t call, const at::Tensor& output, const at::Tensor& sample) const;
  /// The noise that `output` stands for at this call.
  at::Tensor predict_epsilon(int64_t call, const at::Tensor& output,
                             const at::Tensor& sample) const;

  /// Keeps `converted` as the latest of the last solver_order outputs.
  void remember(const at::Tensor& converted);
  /// The converted output that many calls ago, 0 the latest.
  const at::Tensor& remembered(int64_t calls_ago) const {
    return history_[history_.size() - 1 - static_cast<size_t>(calls_ago)];
  }
  void forget() { history_.clear(); }

  int64_t solver_order() const { return solver_order_; }
  /// Calls before this one whose outputs can be used, at most solver_order.
  int64_t known_outputs(int64_t call) const {
    return std::min(call - begin_index(), solver_order_);
  }
  bool ends_at_zero() const { return ends_at_zero_; }
  bool lower_order_final() const { return lower_order_final_; }
  PredictionType prediction() const { return prediction_; }
  const std::vector<float>& alphas_cumprod() const { return alphas_; }

 private:
  SchedulerConfig config_;
  std::vector<float> alphas_;
  std::vector<float> table_;
  PredictionType prediction_;
  TimestepSpacing spacing_;
  int64_t offset_;
  int64_t solver_order_;
  X0Clip threshold_;
  bool lower_order_final_;
  SigmaCurve curve_;
  bool ends_at_zero_;

  std::vector<float> sigmas_;
  std::vector<VpLevel> levels_;
  std::deque<at::Tensor> history_;
};

}  // namespace sd
