#include "nn/timestep_embedding.h"

#include <cmath>

#include "core/tensor_ops.h"

namespace sd {

at::Tensor timestep_embedding(const at::Tensor& times, const SinusoidShape& shape) {
  const int64_t half = shape.width / 2;
  const auto options = times.options().dtype(at::kFloat);
  at::Tensor exponent = at::arange(half, options) * -std::log(10000.0);
  exponent = exponent / (static_cast<double>(half) - shape.frequency_shift);
  const at::Tensor angles =
      shape.scale * (times.to(at::kFloat).unsqueeze(1) * at::exp(exponent).unsqueeze(0));
  const at::Tensor sine = at::sin(angles);
  const at::Tensor cosine = at::cos(angles);
  const at::Tensor embedding = at::cat(
      shape.flip_sin_to_cos ? at::TensorList{cosine, sine} : at::TensorList{sine, cosine}, 1);
  return shape.width % 2 == 0 ? embedding : at::pad(embedding, {0, 1});
}

}  // namespace sd
