#include "diffusion/sigma_scheduler.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/tensor_ops.h"
#include "diffusion/host_math.h"
#include "diffusion/sigma_table.h"

namespace sd {

SigmaScheduler::SigmaScheduler(const SchedulerConfig& config,
                               const std::vector<float>& alphas_cumprod,
                               const std::vector<std::string>& prediction_types)
    : SchedulerBase(config),
      table_(training_sigmas(alphas_cumprod)),
      prediction_(prediction_type(config, prediction_types)),
      spacing_(timestep_spacing(config)),
      offset_(config.get_int("steps_offset")) {}

double SigmaScheduler::init_noise_sigma() const {
  const float largest = *std::max_element(sigmas_.begin(), sigmas_.end());
  return spacing_ == TimestepSpacing::kLeading ? torch_sqrt(square(largest) + 1.0F) : largest;
}

bool SigmaScheduler::is_computable(int64_t call) const {
  return all_finite({sigma(call), sigma(call + 1)}) && sigma(call) > 0;
}

at::Tensor SigmaScheduler::scaled_input(int64_t call, const at::Tensor& sample) const {
  return sample / torch_sqrt(square(sigma(call)) + 1.0F);
}

at::Tensor SigmaScheduler::noised(int64_t call, const at::Tensor& x0,
                                  const at::Tensor& noise) const {
  // diffusers rounds sigma to the sample's type first.
  const at::Scalar level = at::full({}, sigma(call), at::kFloat).to(x0.scalar_type()).item();
  return x0 + noise * level;
}

at::Tensor SigmaScheduler::predict_x0(float sigma, const at::Tensor& output,
                                      const at::Tensor& sample) const {
  switch (prediction_) {
    case PredictionType::kEpsilon: return sample - sigma * output;
    case PredictionType::kVPrediction:
      return output * (-sigma / torch_sqrt(square(sigma) + 1.0F)) + sample / (square(sigma) + 1.0F);
    case PredictionType::kSample: return output;
  }
  return {};
}

}  // namespace sd
