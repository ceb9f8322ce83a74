#pragma once

#include <cstdint>
#include <vector>

#include "diffusion/scheduler_config.h"

namespace sd {

/// sqrt((1 - alpha) / alpha) for every training time, float32.
std::vector<float> training_sigmas(const std::vector<float>& alphas_cumprod);

/// The table at fractional times, linear in between and constant outside, in double as
/// numpy.interp.
std::vector<double> interpolate(const std::vector<double>& times, const std::vector<float>& table);

/// The fractional training times of the sigmas, linear in the logarithm of the training sigmas.
std::vector<double> times_of_sigmas(const std::vector<double>& sigmas,
                                    const std::vector<float>& training_sigmas);

/// Refuses Lu's and flow sigmas and their shifting, where the config asks for them.
void refuse_other_sigmas(const SchedulerConfig& config);

/// A variance-preserving view of one noise level: x = alpha·x0 + sigma·noise.
struct VpLevel {
  float alpha;
  float sigma;
  float lambda;  ///< log(alpha) - log(sigma), infinite at sigma 0
};

/// The level whose sigma / alpha this is, in float32.
VpLevel vp_level(float sigma);

}  // namespace sd
