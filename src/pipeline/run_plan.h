#pragma once

#include <vector>

#include "sd/pipeline.h"

#include "core/placement.h"
#include "diffusion/scheduler_config.h"
#include "models/family.h"

namespace sd {

/// Images that are painted as one batch: they share size, sampler, steps and way in; prompts, seeds
/// and scales are each image's own.
struct RunPlan {
  std::vector<size_t> indices;  ///< positions of the images among the requests
  int width = 0;
  int height = 0;
  int steps = 0;
  Guidance guidance = Guidance::kOff;
  SchedulerConfig scheduler;  ///< the folder's, or what --sampler made of it
};

/// Fills in the family's defaults, checks every value that depends on the model, and groups the
/// requests, in their order, into as few batches as possible.
/// Errors: kUsage naming the flag, what was expected and what was found.
std::vector<RunPlan> plan_runs(const std::vector<Request>& requests, const Family& family);

/// On the CPU in float32 one run for each image, so that it has the same bits alone and among
/// others: how libraries add up depends on the size of the batch. Elsewhere the plans as they are.
std::vector<RunPlan> split_for_equal_bits(std::vector<RunPlan> plans, const Placement& placement);

}  // namespace sd
