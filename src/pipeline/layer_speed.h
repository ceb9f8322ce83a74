#pragma once

#include <map>
#include <tuple>
#include <vector>

#include "core/placement.h"
#include "nn/grid_work.h"

namespace sd {

/// How fast this machine computes layers, by trials: a convolution of the width and the grid of
/// each level. Small grids are slower for their work than large ones, so that each size has its
/// own trial.
class LayerSpeed {
 public:
  explicit LayerSpeed(const Placement& placement) : placement_(placement) {}

  /// Seconds that the work takes, what stands between its layers included.
  double seconds(const std::vector<GridWork>& work);

 private:
  using Size = std::tuple<int64_t, int64_t, int64_t, int64_t>;  // rows, channels, h, w

  Placement placement_;
  std::map<Size, double> speeds_;  // multiplications a second
};

}  // namespace sd
