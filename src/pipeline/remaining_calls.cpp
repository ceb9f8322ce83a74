#include "pipeline/remaining_calls.h"

#include "diffusion/strength.h"
#include "pipeline/denoise.h"
#include "pipeline/run_plan.h"

namespace sd {

Calls remaining_calls(Scheduler& scheduler, int steps, const Request& request,
                      const Family& family) {
  scheduler.set_timesteps(steps);
  const std::vector<double>& times = scheduler.timesteps();
  if (!has_input(request)) {
    scheduler.check();
    return {times, 0, steps};
  }
  const double strength = request.strength.value_or(family.defaults().strength);
  const StrengthWindow window =
      strength_window(steps, strength, scheduler.order(), family.strength_rule());
  if (window.executed_steps == 0) return {};
  scheduler.set_begin_index(window.begin_index);
  scheduler.check();
  return {
      {times.begin() + window.begin_index, times.end()}, window.begin_index, window.executed_steps};
}

double effort_of(const Calls& calls, const Request& request, Guidance guidance) {
  constexpr double kHalf = 0.5;
  auto count = static_cast<double>(calls.times.size());
  if (guidance == Guidance::kOff) return count;
  for (int64_t call = 0; call < std::ssize(calls.times); ++call) {
    if (skips_layers(request.skip_layers, calls.steps, call)) count += kHalf;
  }
  return count;
}

}  // namespace sd
