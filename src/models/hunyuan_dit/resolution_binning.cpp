#include "models/hunyuan_dit/resolution_binning.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace sd {
namespace {

struct Bin {
  double ratio;  ///< width / height
  std::vector<PixelSize> sizes;
};

const std::array<Bin, 5>& bins() {
  static const std::array<Bin, 5> kBins = {{
      {1.0, {{1024, 1024}, {1280, 1280}}},
      {4.0 / 3, {{1024, 768}, {1152, 864}, {1280, 960}}},
      {3.0 / 4, {{768, 1024}, {864, 1152}, {960, 1280}}},
      {16.0 / 9, {{1280, 768}}},
      {9.0 / 16, {{768, 1280}}},
  }};
  return kBins;
}

double area(PixelSize size) { return static_cast<double>(size.width) * size.height; }

/// The first of those that come nearest.
template <typename Items, typename Of>
const auto& nearest(const Items& items, double wanted, const Of& of) {
  return *std::ranges::min_element(items, {},
                                   [&](const auto& item) { return std::abs(of(item) - wanted); });
}

}  // namespace

bool is_standard_size(PixelSize size) {
  return std::ranges::any_of(bins(), [&](const Bin& bin) {
    return std::ranges::find(bin.sizes, size) != bin.sizes.end();
  });
}

PixelSize nearest_standard_size(PixelSize size) {
  constexpr int kMultiple = 16;
  if (size.width < kMultiple || size.height < kMultiple) return size;  // which no check lets pass
  size = {size.width / kMultiple * kMultiple, size.height / kMultiple * kMultiple};
  if (is_standard_size(size)) return size;
  const double ratio = static_cast<double>(size.width) / size.height;
  const Bin& bin = nearest(bins(), ratio, [](const Bin& candidate) { return candidate.ratio; });
  return nearest(bin.sizes, area(size), area);
}

}  // namespace sd
