#include "models/sd3/sd3_needs.h"

#include <algorithm>
#include <string_view>

namespace sd {
namespace {

// In widths of a token. Feed-forward of a block: what it adds to, its normed copy, and four times
// the width before and after the activation.
constexpr double kFeedForward = 10;

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

/// Whether a weight's work is done once for a run.
bool is_bound(std::string_view name) {
  return name.starts_with("time_text_embed.") || name.starts_with("context_embedder.") ||
         name.starts_with("pos_embed.pos_embed") || has(name, "norm");
}

bool sees_text(std::string_view name) {
  constexpr std::string_view kText[] = {".add_q_proj.", ".add_k_proj.", ".add_v_proj.",
                                        ".to_add_out.", ".ff_context."};
  return std::ranges::any_of(kText, [&](std::string_view part) { return has(name, part); });
}

}  // namespace

double least_call_memory(const Sd3Config& config, const Sd3Tokens& tokens, int64_t element_size) {
  const double image = kFeedForward * static_cast<double>(tokens.h) * static_cast<double>(tokens.w);
  const auto text = static_cast<double>(tokens.text);
  return static_cast<double>(tokens.rows) * (image + text) * static_cast<double>(config.width()) *
         static_cast<double>(element_size);
}

std::vector<GridWork> call_work(const Sd3Config& config, const WeightStore& weights,
                                const Sd3Tokens& tokens) {
  GridWork image{tokens.rows, config.width(), tokens.h, tokens.w, 0};
  GridWork text{tokens.rows, config.width(), 1, tokens.text, 0};
  const int64_t patches = tokens.h * tokens.w;
  for (const std::string& name : weights.names()) {
    const std::vector<int64_t>& shape = weights.shape(name);
    if (shape.size() < 2 || is_bound(name)) continue;
    (sees_text(name) ? text : image).add_layer(shape);
    if (name.ends_with(".attn.to_q.weight")) {
      image.add_attention(patches + tokens.text, config.width());
    } else if (name.ends_with(".attn.to_add_out.weight")) {
      text.add_attention(patches + tokens.text, config.width());
    } else if (name.ends_with(".attn2.to_q.weight")) {
      image.add_attention(patches, config.width());
    }
  }
  return {image, text};
}

}  // namespace sd
