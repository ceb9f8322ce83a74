#include "diffusion/flow_sigmas.h"

#include "diffusion/host_math.h"
#include "diffusion/timestep_spacing.h"

namespace sd {

namespace {

/// As `shifted_sigma`, rounded to float32 after every operation.
float shifted_in_float(float sigma, double shift) {
  return static_cast<float>(shift) * sigma / (1.0F + static_cast<float>(shift - 1) * sigma);
}

}  // namespace

FlowScheduler::FlowScheduler(const SchedulerConfig& config, double shift)
    : SchedulerBase(config),
      largest_(shifted_in_float(1.0F, shift)),
      smallest_(shifted_in_float(1.0F / static_cast<float>(train_times()), shift)) {}

bool FlowScheduler::is_computable(int64_t call) const {
  return all_finite({sigma(call), sigma(call + 1)});
}

std::vector<double> FlowScheduler::even_sigmas(int64_t steps) const {
  const auto count = static_cast<double>(train_times());
  std::vector<double> sigmas = numpy_linspace(largest_ * count, smallest_ * count, steps);
  for (double& sigma : sigmas) sigma /= count;
  return sigmas;
}

std::vector<double> FlowScheduler::times_of(const std::vector<float>& sigmas) const {
  std::vector<double> times;
  times.reserve(sigmas.size());
  for (const float sigma : sigmas) times.push_back(sigma * static_cast<float>(train_times()));
  return times;
}

double shifted_sigma(double sigma, double shift) {
  return shift * sigma / (1 + (shift - 1) * sigma);
}

}  // namespace sd
