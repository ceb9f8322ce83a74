#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <cstdint>
#include <vector>

namespace sd {

/// Where all randomness comes from. Asked in the order in which diffusers draws, it gives the same
/// numbers as a list of `torch.Generator("cpu")`, one for each image.
class NoiseSource {
 public:
  virtual ~NoiseSource() = default;

  /// Standard normal numbers, float32 on the CPU; shape [B, …] where row b belongs to image b.
  virtual at::Tensor normal(at::IntArrayRef shape) = 0;
};

/// One mt19937 CPU generator for each image. Row b is a draw of shape [1, …] from generator b, so
/// an image's noise depends on its own seed and shape alone: not on batch, device or shard
/// (diffusers `randn_tensor` with a list of generators).
class SeededNoise : public NoiseSource {
 public:
  explicit SeededNoise(const std::vector<uint64_t>& seeds);

  /// shape[0] must be the number of seeds.
  at::Tensor normal(at::IntArrayRef shape) override;

 private:
  std::vector<at::Generator> generators_;
};

}  // namespace sd
