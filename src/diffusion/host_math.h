#pragma once

#include <ATen/core/Tensor.h>
#include <cmath>
#include <initializer_list>

#include "core/noise.h"

namespace sd {

/// float32 functions of one number by torch's own kernels on the CPU, so that a coefficient has the
/// bits that the oracle's zero-dimensional tensors have. Even torch's square root is not always the
/// correctly rounded one; the basic operations are.
float torch_sqrt(float x);
float torch_log(float x);
float torch_exp(float x);
float torch_expm1(float x);

inline float square(float x) { return x * x; }

/// Are all of them numbers?
inline bool all_finite(std::initializer_list<float> values) {
  for (const float value : values) {
    if (!std::isfinite(value)) return false;
  }
  return true;
}

/// Standard normal noise of the shape, type and device of `like` [B, C, h, w].
at::Tensor draw_like(NoiseSource& noise, const at::Tensor& like);

}  // namespace sd
