#include "diffusion/bound_times.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace sd {

std::vector<int64_t> spread_times(int64_t count, int64_t train_times) {
  std::vector<int64_t> times;
  for (int64_t i = count - 1; i >= 0; --i) {
    const double share = static_cast<double>(i) / static_cast<double>(count - 1);
    const double time = share * share * static_cast<double>(train_times - 1);
    times.push_back(std::max(i, static_cast<int64_t>(std::nearbyint(time))));
  }
  return times;
}

std::vector<BoundTime> weigh_times(std::vector<int64_t> times, int64_t train_times) {
  std::ranges::sort(times);
  std::vector<BoundTime> weighed;
  int64_t begin = 0;  // the first that nobody stands for yet
  for (size_t i = 0; i < times.size(); ++i) {
    const bool is_last = i + 1 == times.size();
    const int64_t end = times[i] == 0 ? 1
                        : is_last     ? train_times
                                      : (times[i] + times[i + 1]) / 2 + 1;
    weighed.push_back({times[i], end - begin});
    begin = end;
  }
  std::ranges::reverse(weighed);
  return weighed;
}

}  // namespace sd
