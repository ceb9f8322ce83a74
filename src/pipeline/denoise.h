#pragma once

#include <ATen/core/Tensor.h>
#include <functional>
#include <vector>

#include "sd/pipeline.h"

#include "core/noise.h"
#include "core/placement.h"
#include "diffusion/scheduler.h"
#include "models/family.h"

namespace sd {

/// Images of a batch that share a scheduler, on their way through the denoising loop.
struct DenoisePart {
  Scheduler& scheduler;    ///< its begin index set to `first_call`
  NoiseSource& noise;      ///< one row for each image
  at::Tensor latents;      ///< [B, C, h, w] at the noise of the first call, float32 on the device
  int64_t first_call = 0;  ///< position in the scheduler's times
  int64_t steps = 0;       ///< denoising steps that are left to run
  double guidance_rescale = 0;
  SkipLayerGuidance skip_layers = {};  ///< works with guidance alone
  int preview_every = 0;               ///< calls between two previews; 0: none
  /// Takes the estimated clean latents [B, C, h, w].
  std::function<void(const at::Tensor& pred_x0)> preview = {};

  /// Calls that it is to make.
  int64_t calls() const { return static_cast<int64_t>(scheduler.timesteps().size()) - first_call; }
};

/// A batch: all images of its parts, one part's after the other's.
struct DenoiseTask {
  Denoiser& denoiser;
  const Conditioning& conditioning;  ///< rows [negatives…, positives…] with guidance
  Placement placement;               ///< of the denoiser
  Guidance guidance = Guidance::kOff;
  at::Tensor scales;               ///< guidance scale of each image [B, 1, 1, 1] on the device
  std::vector<DenoisePart> parts;  ///< those with more calls first
};

/// Runs the loop: model, guidance, scheduler; latents stay float32 between the calls, and become
/// the clean latents of each part. All parts begin together; those with fewer calls leave early.
/// Errors: kInterrupted where the observer asks to stop.
void denoise(DenoiseTask& task, Observer& observer);

/// Whether skip-layer guidance works in that call of a run, counted from 0. diffusers compares the
/// number of the call with shares of the steps, also where a step is two calls.
bool skips_layers(const SkipLayerGuidance& skip, int64_t steps, int64_t call);

}  // namespace sd
