#include "pipeline/denoise.h"

#include "core/check.h"
#include "core/tensor_ops.h"
#include "diffusion/guidance.h"

namespace sd {

void check_not_stopped(Observer& observer) {
  SD_CHECK(!observer.stop_requested(), ErrorKind::kInterrupted, "stopped");
}

at::Tensor denoise(const DenoiseTask& task, at::Tensor latents, Observer& observer) {
  const auto calls = static_cast<int64_t>(task.scheduler.timesteps().size());
  const auto total = static_cast<int>(calls - task.first_call);
  observer.on_progress(Phase::kDenoise, 0, total);
  for (int64_t call = task.first_call; call < calls; ++call) {
    check_not_stopped(observer);
    const at::Tensor input = task.scheduler.scale_model_input(latents);
    const at::Tensor rows = task.guidance == Guidance::kOn ? at::cat({input, input}) : input;
    at::Tensor output =
        task.denoiser
            .run(rows.to(task.placement.dtype).contiguous(at::MemoryFormat::ChannelsLast),
                 call - task.first_call)
            .to(at::kFloat);
    if (task.guidance == Guidance::kOn) {
      const std::vector<at::Tensor> halves = at::chunk(output, 2);
      output = guide(halves[0], halves[1], task.scales);
      if (task.guidance_rescale > 0) {
        output = rescale_guided(output, halves[1], task.guidance_rescale);
      }
    }
    const StepOutput next = task.scheduler.step(output, latents, task.noise);
    latents = next.prev;
    const auto done = static_cast<int>(call - task.first_call + 1);
    observer.on_progress(Phase::kDenoise, done, total);
    const bool is_due = task.preview_every > 0 && done % task.preview_every == 0 && done < total;
    if (is_due) task.preview(next.pred_x0);
  }
  return latents;
}

}  // namespace sd
