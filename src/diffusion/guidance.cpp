#include "diffusion/guidance.h"

#include <vector>

#include "core/tensor_ops.h"

namespace sd {

namespace {

at::Tensor deviation(const at::Tensor& x) {
  std::vector<int64_t> dimensions;
  for (int64_t i = 1; i < x.dim(); ++i) dimensions.push_back(i);
  return at::std(x, at::OptionalIntArrayRef(dimensions), std::optional<at::Scalar>(1),
                 /*keepdim=*/true);
}

}  // namespace

at::Tensor guide(const at::Tensor& negative, const at::Tensor& positive, const at::Tensor& scales) {
  return negative + scales * (positive - negative);
}

at::Tensor rescale_guided(const at::Tensor& guided, const at::Tensor& positive, double rescale) {
  const at::Tensor rescaled = guided * (deviation(positive) / deviation(guided));
  return rescale * rescaled + (1 - rescale) * guided;
}

}  // namespace sd
