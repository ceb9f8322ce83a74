#include "pipeline/diffusion_pipeline.h"

#include <ATen/Parallel.h>
#include <ATen/ops/nan_to_num.h>
#include <algorithm>
#include <functional>

#include "core/check.h"
#include "core/device.h"
#include "core/memory.h"
#include "core/stop.h"
#include "core/tensor_ops.h"
#include "diffusion/registry.h"
#include "pipeline/bound_run.h"
#include "pipeline/denoise.h"
#include "pipeline/image_tensors.h"
#include "pipeline/remaining_calls.h"
#include "pipeline/run_checks.h"

namespace sd {
namespace {

constexpr const char* kAdvice = "another sampler, more steps or a lower --scale";

/// Refuses what cannot fit before anything is computed.
void check_memory(const RunPlan& plan, const Family& family, const Placement& placement) {
  const int factor = family.latent_factor();
  const auto images = static_cast<int64_t>(plan.images());
  sd::check_memory(
      family.least_memory(images, plan.guidance, plan.height / factor, plan.width / factor),
      concat_text(images > 1 ? concat_text(images, " pictures at once") : "a picture", " of ",
                  plan.width, "x", plan.height),
      "lower --width, --height or --batch-size, or try --vae-tiling", placement);
}

std::vector<uint64_t> seeds_of(const std::vector<Request>& batch) {
  std::vector<uint64_t> seeds;
  for (const Request& request : batch) seeds.push_back(request.seed);
  return seeds;
}

}  // namespace

/// A part of a run on its way.
struct DiffusionPipeline::Part {
  Part(const RunPlan& run, const RunPart& planned, const std::vector<Request>& requests,
       const Family& family)
      : plan(&planned),
        batch(pick(requests, planned.indices)),
        scheduler(make_scheduler(planned.scheduler, options_of(run, batch[0], family))),
        calls(remaining_calls(*scheduler, planned.steps, batch[0], family)),
        noise(seeds_of(batch)) {}

  static SamplerOptions options_of(const RunPlan& run, const Request& request,
                                   const Family& family) {
    const int factor = family.latent_factor();
    return {.eta = request.eta,
            .image_tokens = family.image_tokens(run.height / factor, run.width / factor)};
  }

  static std::vector<Request> pick(const std::vector<Request>& requests,
                                   const std::vector<size_t>& indices) {
    std::vector<Request> picked;
    for (const size_t index : indices) picked.push_back(requests[index]);
    return picked;
  }

  int64_t images() const { return static_cast<int64_t>(batch.size()); }

  const RunPart* plan;
  std::vector<Request> batch;
  std::unique_ptr<Scheduler> scheduler;
  Calls calls;
  SeededNoise noise;
  at::Tensor latents;
};

DiffusionPipeline::DiffusionPipeline(const LoadOptions& options, Observer& observer)
    : options_(options),
      placement_(resolve_placement(options.device, options.dtype)),
      family_(load_family(options_, placement_, observer)),
      speed_(placement_) {
  if (!options.defer_weights) load_weights(observer);
}

void DiffusionPipeline::load_weights(Observer& observer) {
  observer.on_progress(Phase::kLoad, 0, 1);
  if (!options_.low_memory) family_->load_weights();
  observer.on_progress(Phase::kLoad, 1, 1);
}

void DiffusionPipeline::check(const std::vector<Request>& requests) const {
  for (const RunPlan& plan : plan_runs(requests, *family_)) {
    for (const RunPart& part : plan.parts) Part(plan, part, requests, *family_);
  }
}

void DiffusionPipeline::encode_ahead(const std::vector<Request>& requests, Observer& observer) {
  family_->encode_ahead(requests, observer);
  if (options_.low_memory) family_->release_text();
}

ModelDefaults DiffusionPipeline::defaults() const {
  const FamilyDefaults own = family_->defaults();
  return {own.width,
          own.height,
          own.steps,
          own.img2img_steps,
          own.scale,
          own.strength,
          sampler_name(family_->scheduler_config()),
          device_name(placement_),
          dtype_name(placement_),
          family_->t5_name()};
}

int DiffusionPipeline::suggested_batch_size(const Request& request) const {
  // Latent cells at once that keep a device busy: of a CPU one picture of 512x512.
  constexpr int64_t kCellsOfCpu = 4096;
  constexpr int64_t kCellsOfGpu = 65536;
  constexpr int64_t kMost = 64;
  const std::vector<RunPlan> plans =
      split_for_equal_bits(plan_runs({request, request}, *family_), placement_);
  if (plans.size() > 1) return 1;  // they would be computed one after another
  const RunPlan& plan = plans.front();
  const int64_t h = plan.height / family_->latent_factor();
  const int64_t w = plan.width / family_->latent_factor();
  const int64_t cells = placement_.device.is_cpu() ? kCellsOfCpu : kCellsOfGpu;
  int64_t images = std::clamp<int64_t>(cells / (h * w), 1, kMost);
  const auto available = available_memory(placement_.device);
  const auto fits = [&] {
    const double least = family_->least_memory(images, plan.guidance, h, w);
    return !available || kPeakOfLeast * least <= *available;
  };
  while (images > 1 && !fits()) images /= 2;
  return static_cast<int>(images);
}

const DiffusionPipeline::Costs& DiffusionPipeline::costs_of(const RunPlan& plan) {
  // The program, its libraries and what the allocator keeps, on the CPU.
  constexpr double kProgram = 0.15e9;
  const auto [place, is_new] =
      costs_.try_emplace({plan.width, plan.height, plan.guidance, plan.images()});
  Costs& costs = place->second;
  if (!is_new) return costs;
  const int factor = family_->latent_factor();
  const FamilyNeeds needs = family_->needs(static_cast<int64_t>(plan.images()), plan.guidance,
                                           plan.height / factor, plan.width / factor);
  costs.call = speed_.seconds(needs.call);
  costs.decode = speed_.seconds(needs.decode);
  const double call = kPeakOfLeast * needs.call_memory;
  const double decode = kPeakOfLeast * needs.decode_memory;
  if (options_.low_memory) {
    costs.memory = std::max(
        {needs.text_weights, needs.denoiser_weights + call, needs.autoencoder_weights + decode});
  } else {
    costs.memory = needs.text_weights + needs.denoiser_weights + needs.autoencoder_weights +
                   std::max(call, decode);
  }
  if (placement_.device.is_cpu()) costs.memory += kProgram;
  return costs;
}

Estimate DiffusionPipeline::estimate(const std::vector<Request>& requests) {
  Estimate sum;
  for (const RunPlan& plan : split_for_equal_bits(plan_runs(requests, *family_), placement_)) {
    const Costs& costs = costs_of(plan);
    sum.memory = std::max(sum.memory, costs.memory);
    sum.seconds += costs.decode;
    for (const RunPart& planned : plan.parts) {  // those with fewer steps leave the batch early
      const Part part(plan, planned, requests, *family_);
      const double share = static_cast<double>(part.images()) / static_cast<double>(plan.images());
      const bool encodes = part.batch[0].init_image.has_value();
      sum.seconds += share * (costs.call * effort_of(part.calls, part.batch[0], plan.guidance) +
                              (encodes ? costs.decode : 0));
    }
  }
  return sum;
}

Bound DiffusionPipeline::evaluate_bound(const BoundRequest& request, Observer& observer) {
  return run_bound(request, {*family_, placement_, options_.low_memory}, observer);
}

std::vector<Painted> DiffusionPipeline::paint(const std::vector<Request>& requests,
                                              Observer& observer) {
  std::vector<Painted> results(requests.size());
  for (const RunPlan& plan : split_for_equal_bits(plan_runs(requests, *family_), placement_)) {
    paint_run(plan, requests, results, observer);
  }
  return results;
}

void DiffusionPipeline::paint_run(const RunPlan& plan, const std::vector<Request>& requests,
                                  std::vector<Painted>& results, Observer& observer) {
  std::vector<Part> parts;
  for (const RunPart& part : plan.parts) parts.emplace_back(plan, part, requests, *family_);
  std::ranges::stable_sort(parts, std::greater(),
                           [](const Part& part) { return part.calls.times.size(); });
  check_memory(plan, *family_, placement_);
  Timings timings;
  Stopwatch watch;

  check_not_stopped(observer);
  observer.on_progress(Phase::kEncode, 0, 1);
  const Conditioning conditioning = encode_prompts(plan, parts, observer);
  for (Part& part : parts) part.latents = first_latents(plan, part);
  if (options_.low_memory) family_->release_autoencoder();
  observer.on_progress(Phase::kEncode, 1, 1);
  timings.encode = watch.lap();

  check_not_stopped(observer);
  run_steps(plan, parts, conditioning, observer);
  if (options_.low_memory) family_->release_denoiser();
  std::vector<at::Tensor> rows;
  for (const Part& part : parts) rows.push_back(part.latents);
  const at::Tensor latents = rows.size() == 1 ? rows[0] : at::cat(rows);
  check_finite(latents, "latents", kAdvice, *family_, placement_);
  timings.denoise = watch.lap();

  check_not_stopped(observer);
  observer.on_progress(Phase::kDecode, 0, 1);
  std::vector<Picture> pictures = decode(latents);
  if (options_.low_memory) family_->release_autoencoder();
  observer.on_progress(Phase::kDecode, 1, 1);
  timings.decode = watch.lap();

  size_t row = 0;
  for (const Part& part : parts) {
    for (size_t i = 0; i < part.batch.size(); ++i, ++row) {
      results[part.plan->indices[i]] = {
          .picture = std::move(pictures[row]),
          .latents = tensor_to_latents(latents[static_cast<int64_t>(row)]),
          .settings = settings_of(plan, part, part.batch[i]),
          .timings = timings,
          .batch_size = static_cast<int>(plan.images())};
    }
  }
}

/// Of the images that make a call; those come first.
Conditioning DiffusionPipeline::encode_prompts(const RunPlan& plan, const std::vector<Part>& parts,
                                               Observer& observer) {
  std::vector<Request> batch;
  for (const Part& part : parts) {
    if (!part.calls.times.empty()) batch.insert(batch.end(), part.batch.begin(), part.batch.end());
  }
  Conditioning conditioning;
  if (!batch.empty()) {
    conditioning = family_->encode(batch, plan.guidance, {plan.width, plan.height}, observer);
  }
  if (options_.low_memory) family_->release_text();
  return conditioning;
}

/// The latents that the first call of a part takes [B, C, h, w]; those of its inputs where it makes
/// none. Draws in diffusers' order: the input's posterior, then the noise.
at::Tensor DiffusionPipeline::first_latents(const RunPlan& plan, Part& part) {
  at::Tensor inputs = encode_inputs(plan, part.batch, part.noise);
  if (part.calls.times.empty()) return inputs;
  const int factor = family_->latent_factor();
  const at::Tensor unit_noise = part.noise
                                    .normal({part.images(), family_->latent_channels(),
                                             plan.height / factor, plan.width / factor})
                                    .to(placement_.device);
  return inputs.defined() ? part.scheduler->add_noise(inputs, unit_noise)
                          : unit_noise * part.scheduler->init_noise_sigma();
}

void DiffusionPipeline::run_steps(const RunPlan& plan, std::vector<Part>& parts,
                                  const Conditioning& conditioning, Observer& observer) {
  if (parts.front().calls.times.empty()) return;
  DenoiseTask task{.denoiser = family_->denoiser(),
                   .conditioning = conditioning,
                   .placement = placement_,
                   .guidance = plan.guidance,
                   .scales = {},
                   .parts = {}};
  std::vector<float> scales;
  for (Part& part : parts) {
    if (part.calls.times.empty()) continue;
    const Request& first = part.batch[0];
    for (const Request& request : part.batch) {
      scales.push_back(static_cast<float>(request.scale.value_or(family_->defaults().scale)));
    }
    task.parts.push_back({.scheduler = *part.scheduler,
                          .noise = part.noise,
                          .latents = part.latents,
                          .first_call = part.calls.first,
                          .steps = part.calls.steps,
                          .guidance_rescale = first.guidance_rescale,
                          .skip_layers = first.skip_layers,
                          .preview_every = first.preview_every,
                          .preview = [&](const at::Tensor& pred_x0) {
                            preview(part.plan->indices, pred_x0, observer);
                          }});
  }
  task.scales = at::tensor(scales, at::kFloat).view({-1, 1, 1, 1}).to(placement_.device);
  denoise(task, observer);
  for (size_t i = 0; i < task.parts.size(); ++i) parts[i].latents = task.parts[i].latents;
}

Settings DiffusionPipeline::settings_of(const RunPlan& plan, const Part& part,
                                        const Request& request) const {
  return {.width = plan.width,
          .height = plan.height,
          .steps = part.plan->steps,
          .scale = request.scale.value_or(family_->defaults().scale),
          .strength = request.strength.value_or(family_->defaults().strength),
          .sampler = sampler_name(part.plan->scheduler),
          .prediction_type = prediction_name(part.plan->scheduler),
          .timesteps = part.calls.times,
          .device = device_name(placement_),
          .dtype = dtype_name(placement_),
          .t5 = family_->t5_name(),
          .threads = at::get_num_threads()};
}

at::Tensor DiffusionPipeline::encode_inputs(const RunPlan& plan, const std::vector<Request>& batch,
                                            NoiseSource& noise) {
  std::vector<at::Tensor> rows;
  if (batch[0].init_latents) {
    for (const Request& request : batch) rows.push_back(latents_to_tensor(*request.init_latents));
    return at::cat(rows).to(placement_.device);
  }
  if (!batch[0].init_image) return {};
  std::vector<at::Tensor> logvars;
  for (const Request& request : batch) {
    const Posterior& posterior = encode_picture(*request.init_image, plan);
    rows.push_back(posterior.mean);
    logvars.push_back(posterior.logvar);
  }
  const Posterior posterior = {at::cat(rows), at::cat(logvars)};
  return scale_latents(family_->autoencoder().config(), sample(posterior, noise)).to(at::kFloat);
}

const Posterior& DiffusionPipeline::encode_picture(const Picture& picture, const RunPlan& plan) {
  const bool is_known = encoded_ && encoded_->picture == picture && encoded_->width == plan.width &&
                        encoded_->height == plan.height;
  if (!is_known) {
    const at::Tensor pixels = picture_to_tensor(picture, plan.width, plan.height);
    encoded_ = {picture, plan.width, plan.height,
                family_->autoencoder().encode(pixels.to(placement_.device))};
  }
  return encoded_->posterior;
}

void DiffusionPipeline::preview(const std::vector<size_t>& indices, const at::Tensor& latents,
                                Observer& observer) {
  AutoencoderKl& vae = family_->autoencoder();
  const std::vector<Picture> pictures =
      tensor_to_pictures(vae.decode(unscale_latents(vae.config(), latents)).nan_to_num());
  if (options_.low_memory) family_->release_autoencoder();
  for (size_t i = 0; i < pictures.size(); ++i) observer.on_preview(indices[i], pictures[i]);
}

std::vector<Picture> DiffusionPipeline::decode(const at::Tensor& latents) {
  AutoencoderKl& vae = family_->autoencoder();
  const at::Tensor images = vae.decode(unscale_latents(vae.config(), latents));
  check_finite(images, "picture", kAdvice, *family_, placement_);
  return tensor_to_pictures(images);
}

}  // namespace sd
