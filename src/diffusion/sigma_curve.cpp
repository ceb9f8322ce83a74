#include "diffusion/sigma_curve.h"

#include <cmath>
#include <string>
#include <utility>

#include "core/check.h"
#include "diffusion/beta_quantile.h"
#include "diffusion/timestep_spacing.h"

namespace sd {

namespace {

/// diffusers asks `hasattr(config, key)`, which is true for keys that another class left behind.
double bound(const SchedulerConfig& config, const char* key, double fallback) {
  const ConfigValue value = config.carried_value(key);
  const double* held = std::get_if<double>(&value);
  return held ? *held : fallback;
}

/// The sigma of one curve, `ramp` of the way from the largest to the smallest.
double karras_sigma(double sigma_max, double sigma_min, double ramp) {
  constexpr double kRho = 7.0;
  const double low = std::pow(sigma_min, 1 / kRho);
  const double high = std::pow(sigma_max, 1 / kRho);
  return std::pow(high + ramp * (low - high), kRho);
}

double beta_sigma(double sigma_max, double sigma_min, double ramp) {
  constexpr double kAlphaAndBeta = 0.6;
  return sigma_min +
         beta_quantile(1 - ramp, kAlphaAndBeta, kAlphaAndBeta) * (sigma_max - sigma_min);
}

}  // namespace

SigmaCurve sigma_curve(const SchedulerConfig& config) {
  SigmaCurve curve = SigmaCurve::kOwn;
  std::string chosen;
  for (const auto& [key, asked] : {std::pair("use_karras_sigmas", SigmaCurve::kKarras),
                                   std::pair("use_exponential_sigmas", SigmaCurve::kExponential),
                                   std::pair("use_beta_sigmas", SigmaCurve::kBeta)}) {
    if (!config.get_bool(key)) continue;
    SD_CHECK(chosen.empty(), ErrorKind::kModel, config.source(), ": expected at most one of '",
             chosen, "' and '", key, "' to be true, found both");
    curve = asked;
    chosen = key;
  }
  return curve;
}

std::vector<double> curved_sigmas(SigmaCurve curve, const SchedulerConfig& config, double sigma_max,
                                  double sigma_min, int64_t count) {
  TORCH_INTERNAL_ASSERT(curve != SigmaCurve::kOwn);
  const double low = bound(config, "sigma_min", sigma_min);
  const double high = bound(config, "sigma_max", sigma_max);
  if (curve == SigmaCurve::kExponential) {
    std::vector<double> sigmas = numpy_linspace(std::log(high), std::log(low), count);
    for (double& sigma : sigmas) sigma = std::exp(sigma);
    return sigmas;
  }
  std::vector<double> sigmas = numpy_linspace(0, 1, count);
  for (double& sigma : sigmas) {
    sigma = curve == SigmaCurve::kKarras ? karras_sigma(high, low, sigma)
                                         : beta_sigma(high, low, sigma);
  }
  return sigmas;
}

}  // namespace sd
