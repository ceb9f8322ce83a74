#pragma once

#include <ATen/core/Tensor.h>
#include <functional>

#include "core/noise.h"
#include "core/placement.h"
#include "diffusion/scheduler.h"
#include "models/family.h"

namespace sd {

/// One batch on its way through the denoising loop.
struct DenoiseTask {
  Denoiser& denoiser;    ///< bound to the calls that are to be made
  Scheduler& scheduler;  ///< its begin index set to `first_call`
  NoiseSource& noise;    ///< one row for each image
  Placement placement;   ///< of the denoiser
  Guidance guidance = Guidance::kOff;
  at::Tensor scales;  ///< guidance scale of each image [B, 1, 1, 1] on the device
  double guidance_rescale = 0;
  int64_t first_call = 0;  ///< position in the scheduler's times
  int preview_every = 0;   ///< calls between two previews; 0: none
  /// Takes the estimated clean latents [B, C, h, w].
  std::function<void(const at::Tensor& pred_x0)> preview = {};
};

/// Runs the loop: model, guidance, scheduler; latents stay float32 between the calls.
/// latents [B, C, h, w] at the noise of the first call -> the clean latents
/// Errors: kInterrupted where the observer asks to stop.
at::Tensor denoise(const DenoiseTask& task, at::Tensor latents, Observer& observer);

/// Throws kInterrupted if the observer asks to stop.
void check_not_stopped(Observer& observer);

}  // namespace sd
