#include "models/unet/unet_memory.h"

#include <algorithm>

namespace sd {
namespace {

// In channels of a level. Feed-forward of a transformer block: what it adds to, its normed copy,
// and GEGLU's projection to twice four times the width. Residual block: input, normed copy, result.
constexpr double kFeedForward = 10;
constexpr double kResidualBlock = 3;

}  // namespace

double least_call_memory(const UNetConfig& config, int64_t rows, int64_t h, int64_t w,
                         int64_t element_size) {
  double cells = static_cast<double>(rows) * static_cast<double>(h) * static_cast<double>(w);
  double widest = 0;
  for (const UNetLevel& level : config.down) {
    const bool attends = level.type == UNetBlockType::kCrossAttention;
    const double tensors = attends ? kFeedForward : kResidualBlock;
    widest = std::max(widest, cells * tensors * static_cast<double>(level.channels));
    cells /= 4;
  }
  return widest * static_cast<double>(element_size);
}

}  // namespace sd
