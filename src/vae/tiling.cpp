#include "vae/tiling.h"

#include <algorithm>

#include "core/tensor_ops.h"

namespace sd {
namespace {

constexpr int64_t kRows = 2;
constexpr int64_t kColumns = 3;

at::Tensor clipped(const at::Tensor& x, int64_t dim, int64_t start, int64_t length) {
  return x.narrow(dim, start, std::min(length, x.size(dim) - start));
}

/// Fades the first rows or columns of `tile`, in place, in from the last of `neighbour`.
void fade_in(const at::Tensor& tile, const at::Tensor& neighbour, int64_t dim, int64_t blend) {
  const int64_t extent = std::min({neighbour.size(dim), tile.size(dim), blend});
  if (extent == 0) return;
  at::Tensor ramp = at::arange(extent, at::TensorOptions().dtype(at::kDouble)) / extent;
  if (dim == kRows) ramp = ramp.unsqueeze(1);
  const at::Tensor rising = ramp.to(tile.device(), at::kFloat);
  const at::Tensor falling = (1 - ramp).to(tile.device(), at::kFloat);
  const at::Tensor start = tile.narrow(dim, 0, extent);
  const at::Tensor end = neighbour.narrow(dim, neighbour.size(dim) - extent, extent);
  start.copy_(end * falling + start * rising);
}

}  // namespace

at::Tensor run_tiled(const at::Tensor& x, const TileGrid& grid,
                     const std::function<at::Tensor(const at::Tensor&)>& network) {
  TORCH_INTERNAL_ASSERT(grid.stride > 0 && grid.keep > 0);
  std::vector<at::Tensor> kept_rows;
  std::vector<at::Tensor> row_above;
  for (int64_t y = 0; y < x.size(kRows); y += grid.stride) {
    const at::Tensor strip = clipped(x, kRows, y, grid.tile);
    std::vector<at::Tensor> row;
    std::vector<at::Tensor> kept;
    for (int64_t left = 0; left < x.size(kColumns); left += grid.stride) {
      const at::Tensor tile = network(clipped(strip, kColumns, left, grid.tile));
      if (!row_above.empty()) fade_in(tile, row_above[row.size()], kRows, grid.blend);
      if (!row.empty()) fade_in(tile, row.back(), kColumns, grid.blend);
      row.push_back(tile);
      kept.push_back(clipped(clipped(tile, kRows, 0, grid.keep), kColumns, 0, grid.keep));
    }
    kept_rows.push_back(at::cat(kept, kColumns));
    row_above = std::move(row);
  }
  return at::cat(kept_rows, kRows);
}

}  // namespace sd
