#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace sd {

/// What a network computes on grids of one size: its layers there, counted in multiplications, and
/// the width of most of them. From the shapes of its weights, so that a plan needs no weights.
struct GridWork {
  int64_t rows = 1;
  int64_t channels = 0;
  int64_t h = 0;
  int64_t w = 0;
  double multiplications = 0;

  double cells() const;

  /// Adds the layer of that weight: a convolution [out, in, k, k] or a matrix [out, in] that sees
  /// every cell.
  void add_layer(const std::vector<int64_t>& shape);

  /// Adds the two products of an attention of that width: each cell looks at so many keys.
  void add_attention(int64_t keys, int64_t width);
};

/// The digit behind "NAME.": 2 of "up_blocks.2.resnets.0"; nothing where the text does not begin
/// so.
std::optional<size_t> block_index(std::string_view text, std::string_view name);

/// Whether a weight is the projection of a self-attention's queries, by its names in diffusers.
bool is_query_of_self_attention(std::string_view name);

}  // namespace sd
