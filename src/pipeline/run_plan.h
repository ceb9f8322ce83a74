#pragma once

#include <vector>

#include "sd/pipeline.h"

#include "core/placement.h"
#include "diffusion/scheduler_config.h"
#include "models/family.h"

namespace sd {

/// Images of a batch that share a scheduler (sampler and steps, and with an input its strength) and
/// skip-layer guidance.
struct RunPart {
  std::vector<size_t> indices;  ///< positions of the images among the requests
  int steps = 0;
  SchedulerConfig scheduler;  ///< the folder's, or what --sampler made of it
};

/// Images that are painted as one batch: they share size, the length of the text and whether they
/// are guided; prompts, seeds and scales are each image's own, samplers and steps each part's.
struct RunPlan {
  int width = 0;
  int height = 0;
  Guidance guidance = Guidance::kOff;
  std::vector<RunPart> parts;

  size_t images() const;
};

/// Fills in the family's defaults, checks every value that depends on the model, and groups the
/// requests, in their order, into as few batches as possible.
/// Errors: kUsage naming the flag, what was expected and what was found.
std::vector<RunPlan> plan_runs(const std::vector<Request>& requests, const Family& family);

/// The size of a request's picture: the one that it names; else its input's, rounded down to the
/// multiple; else the family's. What the family makes of it, where it keeps to sizes of its own.
/// Errors: kUsage, kInput.
PixelSize picture_size(const Request& request, const Family& family);

/// Whether the image starts from a picture or from latents.
bool has_input(const Request& request);

/// On the CPU in float32 a run for each image, so that it has the same bits alone and among
/// others: how libraries add up depends on the size of the batch. Elsewhere the plans as they are.
std::vector<RunPlan> split_for_equal_bits(std::vector<RunPlan> plans, const Placement& placement);

}  // namespace sd
