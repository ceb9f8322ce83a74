#pragma once

#include <cstdint>

namespace sd {

/// How much of a run img2img executes.
struct StrengthWindow {
  int64_t executed_steps;  ///< denoising steps that are left; 0 runs no model call
  int64_t begin_index;     ///< the first model call that runs
};

/// Which way a strength that asks for a part of a step is rounded: `get_timesteps` of the img2img
/// and inpainting pipelines.
enum class StrengthRule {
  kWholeSteps,  ///< SD, SDXL: int(steps · strength) are left, so 50 · 0.58 = 28.999… leaves 28
  kFractional,  ///< SD3: int(steps - steps · strength) are skipped, so 28 · 0.6 = 16.8 leaves 17
};

/// The arithmetic is in double. `order` is the scheduler's calls per step. The same for every
/// sampler, LCM too. Errors: kUsage for a strength outside 0 to 1.
StrengthWindow strength_window(int64_t steps, double strength, int64_t order,
                               StrengthRule rule = StrengthRule::kWholeSteps);

}  // namespace sd
