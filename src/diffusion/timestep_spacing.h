#pragma once

#include <cstdint>
#include <vector>

#include "diffusion/scheduler_config.h"

namespace sd {

/// Where the times of a run lie (Lin et al. 2023, arXiv:2305.08891, table 2).
enum class TimestepSpacing { kLeading, kLinspace, kTrailing };

/// The config's timestep_spacing.
TimestepSpacing timestep_spacing(const SchedulerConfig& config);

/// `count` numbers from start to stop, as numpy.linspace computes them.
std::vector<double> numpy_linspace(double start, double stop, int64_t count);

/// start, start - step, … above zero, as numpy.arange(start, 0, -step) computes them: for some
/// steps one number more than start / step, close to zero.
std::vector<double> numpy_arange_down(double start, double step);

/// What a spacing is made for.
struct SpacingRequest {
  TimestepSpacing spacing;
  int64_t train_times;
  int64_t steps;
  int64_t offset;  ///< steps_offset, which only the leading spacing heeds
};

/// Descending whole times of one-step samplers (DDIM, DDPM, PNDM).
std::vector<double> whole_times(const SpacingRequest& request);

/// Descending times of sigma-space samplers (Euler, Heun): linspace is not rounded to whole times
/// but to float32.
std::vector<double> fractional_times(const SpacingRequest& request);

/// Descending whole times of multistep samplers (DPM++, UniPC), whose grid has one point more, the
/// end of the run. `last_time` bounds the times, train_times unless lambda_min_clipped cuts the
/// grid.
std::vector<double> multistep_times(const SpacingRequest& request, int64_t last_time);

}  // namespace sd
