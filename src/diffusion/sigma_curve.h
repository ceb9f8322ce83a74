#pragma once

#include <cstdint>
#include <vector>

#include "diffusion/scheduler_config.h"

namespace sd {

/// How the sigmas of a run go from the largest to the smallest.
enum class SigmaCurve {
  kOwn,          ///< as the sampler has them
  kKarras,       ///< Karras et al. 2022, arXiv:2206.00364, equation 5 with rho 7
  kExponential,  ///< even in their logarithm
  kBeta,         ///< quantiles of Beta(0.6, 0.6), Lee et al. 2024, arXiv:2407.12173
};

/// The curve of the config's use_karras_sigmas, use_exponential_sigmas and use_beta_sigmas.
/// Errors: kModel where it asks for more than one.
SigmaCurve sigma_curve(const SchedulerConfig& config);

/// `count` sigmas of a curve other than kOwn from sigma_max down to sigma_min, where sigma_max and
/// sigma_min of the config win over the given ones; in double, as diffusers' `_convert_to_*`.
std::vector<double> curved_sigmas(SigmaCurve curve, const SchedulerConfig& config, double sigma_max,
                                  double sigma_min, int64_t count);

}  // namespace sd
