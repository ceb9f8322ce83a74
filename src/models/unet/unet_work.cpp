#include "models/unet/unet_work.h"

#include <algorithm>
#include <string_view>

namespace sd {
namespace {

constexpr int64_t kTextTokens = 77;  // of CLIP's text encoder

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

/// Whether a weight sees the latent cells; the others see the time or the text.
bool sees_cells(std::string_view name) {
  constexpr std::string_view kOthers[] = {"time_emb",         "add_embedding", "class_embedding",
                                          "encoder_hid_proj", "attn2.to_k",    "attn2.to_v"};
  return std::ranges::none_of(kOthers, [&](std::string_view other) { return has(name, other); });
}

/// The level on whose grid the result of a layer lies; 0 is the finest.
size_t level_of(std::string_view name, size_t levels) {
  if (const auto i = block_index(name, "down_blocks")) {
    return std::min(*i + (has(name, "downsamplers") ? 1 : 0), levels - 1);
  }
  if (const auto i = block_index(name, "up_blocks")) {
    const size_t level = levels - 1 - std::min(*i, levels - 1);
    return level - std::min<size_t>(has(name, "upsamplers") ? 1 : 0, level);
  }
  return name.starts_with("mid_block") ? levels - 1 : 0;
}

}  // namespace

std::vector<GridWork> call_work(const UNetConfig& config, const WeightStore& weights, int64_t rows,
                                int64_t h, int64_t w) {
  std::vector<GridWork> work;
  for (const UNetLevel& level : config.down) {
    work.push_back({rows, level.channels, h, w, 0});
    h = (h + 1) / 2;
    w = (w + 1) / 2;
  }
  for (const std::string& name : weights.names()) {
    const std::vector<int64_t>& shape = weights.shape(name);
    if (shape.size() < 2 || !sees_cells(name)) continue;
    GridWork& level = work[level_of(name, work.size())];
    level.add_layer(shape);
    if (is_query_of_self_attention(name)) level.add_attention(level.h * level.w, shape[0]);
    if (name.ends_with("attn2.to_q.weight")) level.add_attention(kTextTokens, shape[0]);
  }
  return work;
}

}  // namespace sd
