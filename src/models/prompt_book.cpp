#include "models/prompt_book.h"

#include <algorithm>

namespace sd {

std::vector<std::vector<at::Tensor>> in_batches(const std::vector<at::Tensor>& ids,
                                                const Placement& placement) {
  const bool is_exact = placement.device.is_cpu() && placement.dtype == at::kFloat;
  const size_t most = is_exact ? 1 : 16;
  std::vector<std::vector<at::Tensor>> batches;
  for (size_t begin = 0; begin < ids.size(); begin += most) {
    const auto first = ids.begin() + static_cast<std::ptrdiff_t>(begin);
    const size_t count = std::min(most, ids.size() - begin);
    batches.emplace_back(first, first + static_cast<std::ptrdiff_t>(count));
  }
  return batches;
}

}  // namespace sd
