#include "jobs/random_stream.h"

#include <algorithm>

namespace sd {

uint64_t RandomStream::below(uint64_t count) {
  const uint64_t incomplete = (0 - count) % count;  // 2^64 modulo count
  for (;;) {
    const uint64_t number = next();
    if (number < 0 - incomplete || incomplete == 0) return number % count;
  }
}

std::vector<size_t> draw_different(RandomStream& random, std::span<const uint64_t> sums,
                                   size_t count) {
  struct Taken {
    uint64_t begin;
    uint64_t weight;
  };
  std::vector<Taken> taken;  // sorted: the parts of 0 … sums.back() that are gone
  std::vector<size_t> drawn;
  uint64_t left = sums.empty() ? 0 : sums.back();
  while (drawn.size() < count) {
    uint64_t at = random.below(left);
    auto next = taken.begin();
    for (; next != taken.end() && next->begin <= at; ++next) at += next->weight;
    const auto found = std::ranges::upper_bound(sums, at);
    drawn.push_back(static_cast<size_t>(found - sums.begin()));
    const uint64_t begin = found == sums.begin() ? 0 : *(found - 1);
    const uint64_t weight = *found - begin;
    taken.insert(next, {begin, weight});
    left -= weight;
  }
  return drawn;
}

}  // namespace sd
