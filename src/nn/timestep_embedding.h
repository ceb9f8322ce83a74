#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>

namespace sd {

struct SinusoidShape {
  int64_t width = 0;
  bool flip_sin_to_cos = true;  ///< [cos, sin] instead of [sin, cos]
  double frequency_shift = 0;   ///< "downscale_freq_shift" in diffusers
  double scale = 1;
};

/// Sinusoidal embedding of times (Ho et al. 2020, after Vaswani et al. 2017, section 3.5), float32:
/// frequencies exp(-ln(10000) i / (width/2 - shift)); an odd width gets a zero at the end.
/// times [N], any float or integer dtype -> [N, width] (diffusers `get_timestep_embedding`)
at::Tensor timestep_embedding(const at::Tensor& times, const SinusoidShape& shape);

}  // namespace sd
