#include "diffusion/host_math.h"

#include "core/tensor_ops.h"

namespace sd {

namespace {
at::Tensor scalar(float x) { return at::full({}, x, at::kFloat); }
}  // namespace

float torch_sqrt(float x) { return at::sqrt(scalar(x)).item<float>(); }
float torch_log(float x) { return at::log(scalar(x)).item<float>(); }
float torch_exp(float x) { return at::exp(scalar(x)).item<float>(); }
float torch_expm1(float x) { return at::expm1(scalar(x)).item<float>(); }

at::Tensor draw_like(NoiseSource& noise, const at::Tensor& like) {
  return noise.normal(like.sizes()).to(like.device(), like.scalar_type());
}

}  // namespace sd
