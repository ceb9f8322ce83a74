#include "models/hunyuan_dit/rotary_positions.h"

#include <ATen/ops/outer.h>
#include <cmath>

#include "core/tensor_ops.h"

namespace sd {
namespace {

constexpr double kTheta = 10000;
constexpr int64_t kBaseCells = 512 / 8;

int64_t round_to_even(double x) { return static_cast<int64_t>(std::nearbyint(x)); }

/// -> [count] float32
at::Tensor places(int64_t start, int64_t stop, int64_t count, RopeGrid grid) {
  const auto n = static_cast<double>(count);
  if (grid == RopeGrid::kDiffusers) {
    return at::linspace(start, static_cast<double>(stop * (count - 1)) / n, count, at::kFloat);
  }
  const double step = static_cast<double>(stop - start) / n;
  return (at::arange(count, at::kDouble) * step + start).to(at::kFloat);
}

/// The angles of places [n] -> [n, width / 2]
at::Tensor angles(const at::Tensor& places, int64_t width) {
  const at::Tensor exponents = at::arange(0, width, 2, at::kFloat) / width;
  return at::outer(places, 1.0 / at::pow(at::Scalar(kTheta), exponents));
}

}  // namespace

CropRegion crop_region(int64_t h, int64_t w, int64_t base) {
  const auto side = static_cast<double>(base);
  const bool is_high = h > w;
  const int64_t rows =
      is_high ? base : round_to_even(side / static_cast<double>(w) * static_cast<double>(h));
  const int64_t columns =
      is_high ? round_to_even(side / static_cast<double>(h) * static_cast<double>(w)) : base;
  const int64_t top = round_to_even(static_cast<double>(base - rows) / 2);
  const int64_t left = round_to_even(static_cast<double>(base - columns) / 2);
  return {.top = top, .left = left, .bottom = top + rows, .right = left + columns};
}

at::Tensor rotary_positions(const RotaryShape& shape, RopeGrid grid) {
  const auto [h, w, width, patch] = shape;
  TORCH_INTERNAL_ASSERT(h > 0 && w > 0 && width % 4 == 0);
  const CropRegion region = crop_region(h, w, kBaseCells / patch);
  const at::Tensor columns = angles(places(region.left, region.right, w, grid), width / 2);
  const at::Tensor rows = angles(places(region.top, region.bottom, h, grid), width / 2);
  const at::Tensor all = at::cat({columns.unsqueeze(0).expand({h, -1, -1}),  // [h, w, width / 2]
                                  rows.unsqueeze(1).expand({-1, w, -1})},
                                 2)
                             .flatten(0, 1)
                             .repeat_interleave(2, 1);
  return at::stack({at::cos(all), at::sin(all)});
}

}  // namespace sd
