#include "models/hunyuan_dit/hunyuan_dit_needs.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace sd {
namespace {

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

/// Whether a weight's work is done once for a run.
bool is_bound(std::string_view name) {
  constexpr std::string_view kBound[] = {"time_extra_emb.", "text_embedd", "norm", ".attn2.to_k.",
                                         ".attn2.to_v."};
  return std::ranges::any_of(kBound, [&](std::string_view part) { return has(name, part); });
}

}  // namespace

double least_call_memory(const HunyuanDitConfig& config, const HunyuanDitTokens& tokens,
                         int64_t element_size) {
  const auto width = static_cast<double>(config.width());
  const auto layers = static_cast<double>(config.layers);
  const double text = 2 * layers * static_cast<double>(config.all_text_length()) * width;
  const double waiting = static_cast<double>(std::max<int64_t>(config.layers / 2 - 1, 0)) * width;
  // what it adds to, its normed copy, and the inner width before and after the activation
  const double feed_forward = 2 * width + 2 * static_cast<double>(config.inner_width());
  const double patches = static_cast<double>(tokens.h) * static_cast<double>(tokens.w);
  return static_cast<double>(tokens.rows) * (text + patches * (waiting + feed_forward)) *
         static_cast<double>(element_size);
}

std::vector<GridWork> call_work(const HunyuanDitConfig& config, const WeightStore& weights,
                                const HunyuanDitTokens& tokens) {
  GridWork image{tokens.rows, config.width(), tokens.h, tokens.w, 0};
  for (const std::string& name : weights.names()) {
    const std::vector<int64_t>& shape = weights.shape(name);
    if (shape.size() < 2 || is_bound(name)) continue;
    image.add_layer(shape);
    if (name.ends_with(".attn1.to_q.weight")) {
      image.add_attention(tokens.h * tokens.w, config.width());
    } else if (name.ends_with(".attn2.to_q.weight")) {
      image.add_attention(config.all_text_length(), config.width());
    }
  }
  return {image};
}

}  // namespace sd
