#include "vae/vae_work.h"

#include <algorithm>
#include <string_view>

namespace sd {
namespace {

/// The level on whose grid the result of a layer of the decoder lies; 0 is that of the latents.
size_t level_of(std::string_view name, size_t levels) {
  if (const auto i = block_index(name, "decoder.up_blocks")) {
    const bool is_finer = name.find("upsamplers") != name.npos;
    return std::min(*i + (is_finer ? 1 : 0), levels - 1);
  }
  return name.starts_with("decoder.conv_out") ? levels - 1 : 0;
}

}  // namespace

std::vector<GridWork> decode_work(const AutoencoderKlConfig& config, const WeightStore& weights,
                                  int64_t rows, int64_t h, int64_t w) {
  std::vector<GridWork> work;
  for (auto channels = config.block_out_channels.rbegin();
       channels != config.block_out_channels.rend(); ++channels) {
    work.push_back({rows, *channels, h, w, 0});
    h *= 2;
    w *= 2;
  }
  for (const std::string& name : weights.names()) {
    const std::vector<int64_t>& shape = weights.shape(name);
    if (shape.size() < 2 || !name.starts_with("decoder.")) continue;
    GridWork& level = work[level_of(name, work.size())];
    level.add_layer(shape);
    if (is_query_of_self_attention(name)) level.add_attention(level.h * level.w, shape[0]);
  }
  return work;
}

}  // namespace sd
