#include "diffusion/sigma_table.h"

#include <algorithm>
#include <cmath>

#include "diffusion/host_math.h"

namespace sd {

std::vector<float> training_sigmas(const std::vector<float>& alphas_cumprod) {
  std::vector<float> sigmas;
  sigmas.reserve(alphas_cumprod.size());
  for (const float alpha : alphas_cumprod) sigmas.push_back(torch_sqrt((1.0F - alpha) / alpha));
  return sigmas;
}

std::vector<double> interpolate(const std::vector<double>& times, const std::vector<float>& table) {
  const auto last = static_cast<double>(table.size() - 1);
  std::vector<double> values;
  values.reserve(times.size());
  for (const double time : times) {
    const double clamped = std::clamp(time, 0.0, last);
    const auto low = static_cast<size_t>(clamped);
    const double at_low = table[low];
    if (static_cast<double>(low) == clamped) {
      values.push_back(at_low);
    } else {
      const double slope = static_cast<double>(table[low + 1]) - at_low;
      values.push_back(slope * (clamped - static_cast<double>(low)) + at_low);
    }
  }
  return values;
}

std::vector<double> times_of_sigmas(const std::vector<double>& sigmas,
                                    const std::vector<float>& training_sigmas) {
  std::vector<float> logs;
  logs.reserve(training_sigmas.size());
  for (const float sigma : training_sigmas) logs.push_back(std::log(sigma));
  std::vector<double> times;
  times.reserve(sigmas.size());
  for (const double sigma : sigmas) {
    const double wanted = std::log(std::max(sigma, 1e-10));
    // The last training time that is not noisier, at most the last but one.
    size_t low = 0;
    for (size_t i = 0; i < logs.size(); ++i) {
      if (wanted - static_cast<double>(logs[i]) >= 0) low = i;
    }
    low = std::min(low, logs.size() - 2);
    const float span = logs[low] - logs[low + 1];  // in float32, as numpy subtracts float32 arrays
    const double weight =
        std::clamp((static_cast<double>(logs[low]) - wanted) / static_cast<double>(span), 0.0, 1.0);
    times.push_back((1 - weight) * static_cast<double>(low) +
                    weight * static_cast<double>(low + 1));
  }
  return times;
}

void refuse_other_sigmas(const SchedulerConfig& config) {
  config.refuse_if_true({"use_lu_lambdas", "use_flow_sigmas", "use_dynamic_shifting"});
}

VpLevel vp_level(float sigma) {
  const float alpha = 1.0F / torch_sqrt(square(sigma) + 1.0F);
  const float scaled = sigma * alpha;
  return {alpha, scaled, torch_log(alpha) - torch_log(scaled)};
}

}  // namespace sd
