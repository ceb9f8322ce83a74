#include "pipeline/denoise.h"

#include <algorithm>
#include <map>
#include <span>

#include "core/stop.h"
#include "core/tensor_ops.h"
#include "diffusion/guidance.h"

namespace sd {
namespace {

at::Tensor cat_rows(const std::vector<at::Tensor>& tensors) {
  return tensors.size() == 1 ? tensors[0] : at::cat(tensors);
}

/// The rows of the first `images` of a batch of `all`; with guidance those of both halves.
at::Tensor first_rows(const at::Tensor& rows, int64_t images, int64_t all) {
  if (!rows.defined() || images == all) return rows;
  if (rows.size(0) == all) return rows.narrow(0, 0, images);
  return at::cat({rows.narrow(0, 0, images), rows.narrow(0, all, images)});
}

Conditioning first_rows(const Conditioning& all_rows, int64_t images, int64_t all) {
  Conditioning rows = all_rows;
  for (const auto field : {&Conditioning::text, &Conditioning::text_mask, &Conditioning::t5,
                           &Conditioning::t5_mask, &Conditioning::pooled, &Conditioning::time_ids,
                           &Conditioning::class_labels, &Conditioning::guidance_states}) {
    rows.*field = first_rows(all_rows.*field, images, all);
  }
  return rows;
}

int64_t count_images(std::span<const DenoisePart> parts) {
  int64_t images = 0;
  for (const DenoisePart& part : parts) images += part.latents.size(0);
  return images;
}

/// The parts that go together through the calls [first, last) of the loop.
struct Stretch {
  std::span<DenoisePart> parts;
  int64_t images = 0;
  int64_t first = 0;
  int64_t last = 0;
};

/// The times of a stretch: [S], or [S, N] where its parts differ.
at::Tensor times_of(const Stretch& stretch, int64_t halves) {
  std::vector<at::Tensor> columns;
  for (const DenoisePart& part : stretch.parts) {
    const std::vector<double>& all = part.scheduler.timesteps();
    const auto begin = all.begin() + part.first_call;
    const at::Tensor times =
        at::tensor(std::vector<double>(begin + stretch.first, begin + stretch.last), at::kFloat);
    if (stretch.parts.size() == 1) return times;
    columns.push_back(times.unsqueeze(1).expand({-1, part.latents.size(0)}));
  }
  const at::Tensor rows = at::cat(columns, 1);
  return halves == 1 ? rows : at::cat({rows, rows}, 1);
}

/// Guided output with skip-layer guidance (Stable Diffusion 3.5 medium; diffusers
/// `StableDiffusion3Pipeline.__call__`): to the rows of each part that has it, the positive output
/// less that of the network without some blocks is added. All [B, C, h, w]; `input` is what the
/// network saw of each image.
at::Tensor push_from_skipped(const DenoiseTask& task, const Stretch& stretch, int64_t call,
                             const at::Tensor& input, const at::Tensor& positive,
                             const at::Tensor& guided) {
  std::map<std::vector<int>, at::Tensor> without;  // by the blocks that are left out
  std::vector<at::Tensor> pushed;
  int64_t row = 0;
  for (const DenoisePart& part : stretch.parts) {
    const int64_t images = part.latents.size(0);
    pushed.push_back(guided.narrow(0, row, images));
    if (skips_layers(part.skip_layers, part.steps, call)) {
      at::Tensor& skipped = without[part.skip_layers.layers];
      if (!skipped.defined()) {
        skipped = task.denoiser.run_without(input, call - stretch.first, part.skip_layers.layers)
                      .to(at::kFloat);
      }
      pushed.back() =
          pushed.back() + (positive.narrow(0, row, images) - skipped.narrow(0, row, images)) *
                              part.skip_layers.scale;
    }
    row += images;
  }
  return without.empty() ? guided : cat_rows(pushed);
}

/// Guided output of each image: model output of [negatives…, positives…] -> [B, C, h, w]
at::Tensor guide_all(const DenoiseTask& task, const Stretch& stretch, int64_t call,
                     const at::Tensor& input, const at::Tensor& output) {
  const std::vector<at::Tensor> halves = at::chunk(output, 2);
  const at::Tensor scales = task.scales.narrow(0, 0, stretch.images);
  const at::Tensor guided =
      push_from_skipped(task, stretch, call, input, halves[1], guide(halves[0], halves[1], scales));
  std::vector<at::Tensor> rescaled;
  int64_t row = 0;
  for (const DenoisePart& part : stretch.parts) {
    const int64_t images = part.latents.size(0);
    const at::Tensor rows = guided.narrow(0, row, images);
    rescaled.push_back(
        part.guidance_rescale > 0
            ? rescale_guided(rows, halves[1].narrow(0, row, images), part.guidance_rescale)
            : rows);
    row += images;
  }
  return cat_rows(rescaled);
}

/// A network's output [N, C or 2C, h, w] -> what it says of the sample [N, C, h, w], and what it
/// says of the variance of each image [B, C, h, w]: with the prompt, not guided (as in diffusers'
/// IFPipeline and DiT's sampling). Undefined where it says nothing.
std::pair<at::Tensor, at::Tensor> split_variance(const at::Tensor& output, const Stretch& stretch) {
  const int64_t channels = stretch.parts.front().latents.size(1);
  if (output.size(1) == channels) return {output, {}};
  const at::Tensor positive = output.narrow(0, output.size(0) - stretch.images, stretch.images);
  return {output.narrow(1, 0, channels), positive.narrow(1, channels, channels)};
}

/// One call of the model, and a step of each part.
void run_call(const DenoiseTask& task, const Stretch& stretch, int64_t call) {
  std::vector<at::Tensor> inputs;
  for (const DenoisePart& part : stretch.parts) {
    inputs.push_back(part.scheduler.scale_model_input(part.latents));
  }
  const at::Tensor input =
      cat_rows(inputs).to(task.placement.dtype).contiguous(at::MemoryFormat::ChannelsLast);
  const bool is_guided = task.guidance == Guidance::kOn;
  const at::Tensor rows =
      is_guided ? at::cat({input, input}).contiguous(at::MemoryFormat::ChannelsLast) : input;
  const auto [output, variance] =
      split_variance(task.denoiser.run(rows, call - stretch.first).to(at::kFloat), stretch);
  const at::Tensor guided = is_guided ? guide_all(task, stretch, call, input, output) : output;
  int64_t row = 0;
  for (DenoisePart& part : stretch.parts) {
    const int64_t images = part.latents.size(0);
    at::Tensor own = guided.narrow(0, row, images);
    if (part.scheduler.takes_variance() && variance.defined()) {
      own = at::cat({own, variance.narrow(0, row, images)}, 1);
    }
    const StepOutput next = part.scheduler.step(own, part.latents, part.noise);
    part.latents = next.prev;
    row += images;
    const int64_t done = call + 1;
    const bool is_due =
        part.preview_every > 0 && done % part.preview_every == 0 && done < part.calls();
    if (is_due) part.preview(next.pred_x0);
  }
}

}  // namespace

bool skips_layers(const SkipLayerGuidance& skip, int64_t steps, int64_t call) {
  const auto all = static_cast<double>(steps);
  const auto now = static_cast<double>(call);
  return !skip.layers.empty() && now > all * skip.start && now < all * skip.stop;
}

void denoise(DenoiseTask& task, Observer& observer) {
  std::span<DenoisePart> parts = task.parts;
  const int64_t all = count_images(parts);
  const int64_t halves = task.guidance == Guidance::kOn ? 2 : 1;
  const auto total = static_cast<int>(parts.empty() ? 0 : parts.front().calls());
  observer.on_progress(Phase::kDenoise, 0, total);
  for (int64_t done = 0; done < total;) {
    while (parts.back().calls() <= done) parts = parts.first(parts.size() - 1);
    const Stretch stretch{parts, count_images(parts), done, parts.back().calls()};
    task.denoiser.bind(first_rows(task.conditioning, stretch.images, all),
                       times_of(stretch, halves).to(task.placement.device));
    for (; done < stretch.last; ++done) {
      check_not_stopped(observer);
      run_call(task, stretch, done);
      observer.on_progress(Phase::kDenoise, static_cast<int>(done + 1), total);
    }
  }
}

}  // namespace sd
