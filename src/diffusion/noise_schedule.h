#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "diffusion/scheduler_config.h"

namespace sd {

/// What an exactly zero last alpha becomes under rescale_betas_zero_snr.
enum class TerminalAlpha {
  kZero,            ///< stays zero: DDIM, DDPM, LCM
  kSmallestFloat16  ///< 2^-24, so that the first sigma is finite: Euler, DPM++, UniPC
};

/// The betas of each training time, float64, from num_train_timesteps, beta_start, beta_end,
/// beta_schedule, trained_betas and rescale_betas_zero_snr. `more_schedules` are those that are
/// known besides linear, scaled_linear and squaredcos_cap_v2. Errors: kModel.
std::vector<double> make_betas(const SchedulerConfig& config,
                               const std::vector<std::string>& more_schedules = {});

/// The products of (1 - beta) up to each training time, float32, accumulated as torch does, from
/// what make_betas takes. Source: the constructors in diffusers/schedulers.
std::vector<float> make_alphas_cumprod(const SchedulerConfig& config, TerminalAlpha terminal,
                                       const std::vector<std::string>& more_schedules = {});

/// The table indexed as Python does: negative times count from its end (the time -1 that numpy's
/// arange adds to the trailing spacing of some step counts). NaN outside.
float at_time(const std::vector<float>& table, int64_t time);

}  // namespace sd
