#include "jobs/nearest_name.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace sd {
namespace {

/// Edits between two words: optimal string alignment, the restricted Damerau-Levenshtein distance.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before_last;
  std::vector<size_t> last(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    std::vector<size_t> row(b.size() + 1);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({change, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    before_last = std::move(last);
    last = std::move(row);
  }
  return last.back();
}

}  // namespace

std::optional<std::string_view> nearest_name(std::string_view typed,
                                             std::span<const std::string_view> names) {
  constexpr size_t kLongest = 64;  // what is longer is no misspelt name
  if (typed.size() > kLongest) return std::nullopt;
  std::optional<std::string_view> best;
  size_t least = 0;
  for (const std::string_view name : names) {
    const size_t distance = edit_distance(typed, name);
    if (distance * 3 <= std::max(name.size(), typed.size()) && (!best || distance < least)) {
      best = name;
      least = distance;
    }
  }
  return best;
}

}  // namespace sd
