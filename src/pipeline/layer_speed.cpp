#include "pipeline/layer_speed.h"

#include <algorithm>
#include <chrono>

#include "core/tensor_ops.h"

namespace sd {
namespace {

/// What norms, activations and the like add to the time of the layers. Measured with the model that
/// ships and with Stable Diffusion 1.5 (docs/slow/estimate.md).
constexpr double kOther = 1.35;

constexpr double kMostMultiplications = 1e9;  // of a call: some 20 ms of two cores

/// Multiplications a second in a 3x3 convolution of that work's width on its grid.
double try_convolution(GridWork size, const Placement& placement) {
  const double of_row = 9.0 * static_cast<double>(size.channels * size.channels * size.w);
  const double rows_of_cells = kMostMultiplications / (of_row * static_cast<double>(size.rows));
  size.h = std::clamp<int64_t>(static_cast<int64_t>(rows_of_cells), std::min<int64_t>(size.h, 8),
                               size.h);
  const auto options = at::TensorOptions().device(placement.device).dtype(placement.dtype);
  const c10::InferenceMode guard;
  const auto make = [&](at::IntArrayRef shape) {
    return at::full(shape, 0.01, options).contiguous(at::MemoryFormat::ChannelsLast);
  };
  const at::Tensor x = make({size.rows, size.channels, size.h, size.w});
  const at::Tensor weight = make({size.channels, size.channels, 3, 3});
  size.multiplications = 0;
  size.add_layer({size.channels, size.channels, 3, 3});

  using Clock = std::chrono::steady_clock;
  constexpr int kCalls = 3;
  double best = 0;
  for (int round = 0; round < 4; ++round) {  // the first one also prepares kernels
    const auto start = Clock::now();
    at::Tensor y;
    for (int call = 0; call < kCalls; ++call) y = at::conv2d(x, weight, {}, 1, 1);
    y.select(0, 0).select(0, 0).sum().item<float>();  // waits for a GPU
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::max(best, kCalls * size.multiplications / seconds);
    if (round > 0 && seconds > 0.2) break;
  }
  return best;
}

}  // namespace

double LayerSpeed::seconds(const std::vector<GridWork>& work) {
  double seconds = 0;
  for (const GridWork& level : work) {
    const auto [place, is_new] =
        speeds_.try_emplace({level.rows, level.channels, level.h, level.w}, 0);
    if (is_new) place->second = try_convolution(level, placement_);
    seconds += level.multiplications / place->second;
  }
  return kOther * seconds;
}

}  // namespace sd
