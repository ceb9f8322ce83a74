#include "nn/grid_work.h"

namespace sd {

double GridWork::cells() const {
  return static_cast<double>(rows) * static_cast<double>(h) * static_cast<double>(w);
}

void GridWork::add_layer(const std::vector<int64_t>& shape) {
  double product = cells();
  for (const int64_t side : shape) product *= static_cast<double>(side);
  multiplications += product;
}

void GridWork::add_attention(int64_t keys, int64_t width) {
  multiplications += 2 * cells() * static_cast<double>(keys) * static_cast<double>(width);
}

std::optional<size_t> block_index(std::string_view text, std::string_view name) {
  if (!text.starts_with(name) || text.size() < name.size() + 2) return std::nullopt;
  const char dot = text[name.size()];
  const char digit = text[name.size() + 1];
  if (dot != '.' || digit < '0' || digit > '9') return std::nullopt;
  return static_cast<size_t>(digit - '0');
}

bool is_query_of_self_attention(std::string_view name) {
  return name.ends_with("attn1.to_q.weight") || name.ends_with("attentions.0.to_q.weight") ||
         name.ends_with("attentions.0.query.weight");
}

}  // namespace sd
