#include "diffusion/strength.h"

#include <algorithm>

#include "core/check.h"

namespace sd {

StrengthWindow strength_window(int64_t steps, double strength, int64_t order) {
  SD_CHECK(strength >= 0 && strength <= 1, ErrorKind::kUsage,
           "--strength: expected a number from 0 to 1, found ", strength);
  const auto wanted = static_cast<int64_t>(static_cast<double>(steps) * strength);
  const int64_t executed = std::min(wanted, steps);
  return {executed, std::max<int64_t>(steps - executed, 0) * order};
}

}  // namespace sd
