#pragma once

#include <cstdint>

namespace sd {

/// How much of a run img2img executes.
struct StrengthWindow {
  int64_t executed_steps;  ///< denoising steps that are left; 0 runs no model call
  int64_t begin_index;     ///< the first model call that runs
};

/// SD's and SDXL's arithmetic in double (`get_timesteps` of their img2img and inpainting
/// pipelines): int(steps · strength) steps are left, so 50 · 0.58 = 28.999… leaves 28. `order` is
/// the scheduler's calls per step. The same for every sampler, LCM too. Errors: kUsage for a
/// strength outside 0 to 1.
StrengthWindow strength_window(int64_t steps, double strength, int64_t order);

}  // namespace sd
