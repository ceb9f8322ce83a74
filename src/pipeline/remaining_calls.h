#pragma once

#include <cstdint>
#include <vector>

#include "sd/pipeline.h"

#include "diffusion/scheduler.h"
#include "models/family.h"

namespace sd {

/// What is left to run of a schedule.
struct Calls {
  std::vector<double> times;  ///< of the model calls
  int64_t first = 0;          ///< position of the first of them in the scheduler's times
  int64_t steps = 0;          ///< denoising steps that these calls make
};

/// Which calls a run makes: all of them, or with an input those that its strength leaves. Makes the
/// scheduler's tables and sets its begin index. Errors: kUsage.
Calls remaining_calls(Scheduler& scheduler, int steps, const Request& request,
                      const Family& family);

/// What the calls ask of the denoiser, counted in calls: skip-layer guidance runs half of the rows
/// once more.
double effort_of(const Calls& calls, const Request& request, Guidance guidance);

}  // namespace sd
