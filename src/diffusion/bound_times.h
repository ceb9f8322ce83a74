#pragma once

#include <cstdint>
#include <vector>

namespace sd {

/// A training time at which the variational bound is evaluated.
struct BoundTime {
  int64_t time = 0;
  int64_t weight = 1;  ///< how many of all times it stands for

  bool operator==(const BoundTime&) const = default;
};

/// `count` of the times 0 to train_times - 1, both among them, the latest first: counted from 0
/// time i is (i / (count - 1))² (train_times - 1), rounded, but at least i. So they are denser
/// where the terms of the bound are large. 2 <= count <= train_times, where all are taken.
std::vector<int64_t> spread_times(int64_t count, int64_t train_times);

/// The times, latest first, each with the number of training times that it stands for: itself and
/// those that it is nearest to, the smaller of two that are equally near. Time 0, whose term is of
/// another kind, stands for itself alone. `times` are different and not 0 alone.
std::vector<BoundTime> weigh_times(std::vector<int64_t> times, int64_t train_times);

}  // namespace sd
