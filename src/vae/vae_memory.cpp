#include "vae/vae_memory.h"

#include <algorithm>
#include <c10/core/ScalarType.h>

namespace sd {

double least_decode_memory(const AutoencoderKlConfig& config, const VaeMemory& memory,
                           const Placement& placement, int64_t images, int64_t h, int64_t w) {
  const auto area = [](int64_t height, int64_t width) {
    return static_cast<double>(height) * static_cast<double>(width);
  };
  const int64_t factor = config.scale_factor();
  const int64_t cells = config.sample_size / factor;  // along a tile's side
  const bool tiles = memory.tiling && std::max(h, w) > cells;
  const double at_once = memory.slicing || placement.device.is_cpu() ? 1 : double(images);
  const double pixels =
      area(factor, factor) * (tiles ? area(std::min(h, cells), std::min(w, cells)) : area(h, w));
  // The finest level takes over the channels of the one before it; their upsampling convolution
  // holds its input and its result at full size.
  const auto& channels = config.block_out_channels;
  const double width = static_cast<double>(channels[std::min<size_t>(1, channels.size() - 1)]);
  const double tensors = 2 * width * pixels * at_once;
  const double pictures = 3 * area(factor, factor) * area(h, w) * double(images);
  return (tensors + pictures) * static_cast<double>(c10::elementSize(placement.dtype));
}

}  // namespace sd
