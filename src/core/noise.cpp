#include "core/noise.h"

#include <ATen/CPUGeneratorImpl.h>

#include "core/tensor_ops.h"

namespace sd {

SeededNoise::SeededNoise(const std::vector<uint64_t>& seeds) {
  for (uint64_t seed : seeds) generators_.push_back(at::make_generator<at::CPUGeneratorImpl>(seed));
}

at::Tensor SeededNoise::normal(at::IntArrayRef shape) {
  TORCH_INTERNAL_ASSERT(!shape.empty() && shape[0] == static_cast<int64_t>(generators_.size()));
  std::vector<int64_t> row_shape = shape.vec();
  row_shape[0] = 1;
  std::vector<at::Tensor> rows;
  for (at::Generator& generator : generators_) {
    rows.push_back(at::randn(row_shape, generator, at::TensorOptions().dtype(at::kFloat)));
  }
  return rows.size() == 1 ? rows[0] : at::cat(rows);
}

}  // namespace sd
