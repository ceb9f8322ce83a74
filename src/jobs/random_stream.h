#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sd {

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA
/// 2014): the same numbers on every machine, which the distributions of <random> do not promise.
class RandomStream {
 public:
  explicit RandomStream(uint64_t state) : state_(state) {}

  /// The generator's output function: a bijection under which near numbers lie far apart.
  static constexpr uint64_t mix(uint64_t number) {
    number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9;
    number = (number ^ (number >> 27)) * 0x94d049bb133111eb;
    return number ^ (number >> 31);
  }

  uint64_t next() { return mix(state_ += 0x9e3779b97f4a7c15); }

  /// Evenly one of 0 to `count` - 1; `count` is not 0. What the last, incomplete run of `count`
  /// numbers below 2^64 holds is drawn again.
  uint64_t below(uint64_t count);

 private:
  uint64_t state_;
};

/// `count` different indices in the order in which they were drawn, each with a chance in
/// proportion to its weight among those that are left. `sums` holds the running sums of the
/// weights, of which at least `count` are not 0.
std::vector<size_t> draw_different(RandomStream& random, std::span<const uint64_t> sums,
                                   size_t count);

}  // namespace sd
