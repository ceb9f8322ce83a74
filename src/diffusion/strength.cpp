#include "diffusion/strength.h"

#include "core/check.h"

namespace sd {

StrengthWindow strength_window(int64_t steps, double strength, int64_t order, StrengthRule rule) {
  SD_CHECK(strength >= 0 && strength <= 1, ErrorKind::kUsage,
           "--strength: expected a number from 0 to 1, found ", strength);
  const double wanted = static_cast<double>(steps) * strength;
  const int64_t skipped = rule == StrengthRule::kWholeSteps
                              ? steps - static_cast<int64_t>(wanted)
                              : static_cast<int64_t>(static_cast<double>(steps) - wanted);
  return {steps - skipped, skipped * order};
}

}  // namespace sd
