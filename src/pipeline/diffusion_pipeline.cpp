#include "pipeline/diffusion_pipeline.h"

#include <ATen/Parallel.h>
#include <ATen/ops/nan_to_num.h>
#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/check.h"
#include "core/device.h"
#include "core/memory.h"
#include "core/tensor_ops.h"
#include "diffusion/registry.h"
#include "diffusion/strength.h"
#include "pipeline/denoise.h"
#include "pipeline/image_tensors.h"

namespace sd {
namespace {

/// Seconds since it was made or last read.
class Stopwatch {
 public:
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double>(now - std::exchange(start_, now)).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Fails where a value is not finite: with the weight that is to blame, else with what to try.
void check_finite(const at::Tensor& values, const char* what, const Family& family,
                  const Placement& placement) {
  if (at::isfinite(values).all().item<bool>()) return;
  const std::optional<std::string> broken = family.find_broken_weight();
  SD_CHECK(!broken, ErrorKind::kModel, *broken, ", so the ", what, " became NaN or infinite");
  const bool half = placement.dtype != at::kFloat;
  fail(ErrorKind::kNumeric, "the ", what, " became NaN or infinite; ",
       half ? "try --dtype fp32" : "try another sampler, more steps or a lower --scale");
}

/// Refuses what cannot fit before anything is computed. What may just fit is tried.
void check_memory(double needed, const RunPlan& plan, const Placement& placement) {
  constexpr double kGigabyte = 1 << 30;
  const auto available = available_memory(placement.device);
  if (!available || needed <= *available) return;
  const size_t images = plan.indices.size();
  fail(ErrorKind::kMemory, images > 1 ? concat_text(images, " pictures at once") : "a picture",
       " of ", plan.width, "x", plan.height, " would need more than ",
       std::ceil(needed / kGigabyte), " GB of memory, and ", std::floor(*available / kGigabyte),
       " GB are free; lower --width, --height or --batch-size, or try --vae-tiling");
}

/// What is left to run of a schedule.
struct Calls {
  std::vector<double> times;
  int64_t first = 0;
};

/// Which calls a run makes: all of them, or with an input those that its strength leaves.
Calls remaining_calls(Scheduler& scheduler, const RunPlan& plan, const Request& request) {
  scheduler.set_timesteps(plan.steps);
  const std::vector<double>& times = scheduler.timesteps();
  if (!request.init_image && !request.init_latents) {
    scheduler.check();
    return {times, 0};
  }
  const StrengthWindow window = strength_window(plan.steps, request.strength, scheduler.order());
  if (window.executed_steps == 0) return {};
  scheduler.set_begin_index(window.begin_index);
  scheduler.check();
  return {{times.begin() + window.begin_index, times.end()}, window.begin_index};
}

}  // namespace

DiffusionPipeline::DiffusionPipeline(const LoadOptions& options, Observer& observer)
    : options_(options), placement_(resolve_placement(options.device, options.dtype)) {
  observer.on_progress(Phase::kLoad, 0, 1);
  family_ = load_family(options_, placement_, observer);
  observer.on_progress(Phase::kLoad, 1, 1);
}

std::vector<Painted> DiffusionPipeline::paint(const std::vector<Request>& requests,
                                              Observer& observer) {
  std::vector<Painted> results(requests.size());
  for (const RunPlan& plan : split_for_equal_bits(plan_runs(requests, *family_), placement_)) {
    std::vector<Request> batch;
    for (size_t index : plan.indices) batch.push_back(requests[index]);
    std::vector<Painted> painted = paint_run(plan, batch, observer);
    for (size_t i = 0; i < painted.size(); ++i) results[plan.indices[i]] = std::move(painted[i]);
  }
  return results;
}

std::vector<Painted> DiffusionPipeline::paint_run(const RunPlan& plan,
                                                  const std::vector<Request>& batch,
                                                  Observer& observer) {
  const auto count = static_cast<int64_t>(batch.size());
  const Request& first = batch[0];
  const bool has_input = first.init_image || first.init_latents;
  std::unique_ptr<Scheduler> scheduler = make_scheduler(plan.scheduler, {.eta = first.eta});
  const Calls calls = remaining_calls(*scheduler, plan, first);
  std::vector<uint64_t> seeds;
  for (const Request& request : batch) seeds.push_back(request.seed);
  SeededNoise noise(seeds);
  const int factor = family_->latent_factor();
  check_memory(
      family_->least_memory(count, plan.guidance, plan.height / factor, plan.width / factor), plan,
      placement_);
  Timings timings;
  Stopwatch watch;

  check_not_stopped(observer);
  observer.on_progress(Phase::kEncode, 0, 1);
  Conditioning conditioning;
  if (!calls.times.empty()) conditioning = family_->encode(batch, plan.guidance, observer);
  if (options_.low_memory) family_->release_text();

  // Draws in diffusers' order: the input's posterior, then the noise.
  at::Tensor latents = encode_inputs(plan, batch, noise);
  if (!calls.times.empty()) {
    const at::Tensor unit_noise =
        noise.normal({count, family_->latent_channels(), plan.height / factor, plan.width / factor})
            .to(placement_.device);
    latents = has_input ? scheduler->add_noise(latents, unit_noise)
                        : unit_noise * scheduler->init_noise_sigma();
  }
  if (options_.low_memory) family_->release_autoencoder();
  observer.on_progress(Phase::kEncode, 1, 1);
  timings.encode = watch.lap();

  if (!calls.times.empty()) {
    check_not_stopped(observer);
    const auto on_device = at::TensorOptions().device(placement_.device);
    std::vector<float> scales;
    for (const Request& r : batch) {
      scales.push_back(static_cast<float>(r.scale.value_or(family_->defaults().scale)));
    }
    family_->denoiser().bind(conditioning,
                             at::tensor(calls.times, at::kFloat).to(placement_.device));
    latents = denoise({.denoiser = family_->denoiser(),
                       .scheduler = *scheduler,
                       .noise = noise,
                       .placement = placement_,
                       .guidance = plan.guidance,
                       .scales = at::tensor(scales, at::kFloat).view({-1, 1, 1, 1}).to(on_device),
                       .guidance_rescale = first.guidance_rescale,
                       .first_call = calls.first,
                       .preview_every = first.preview_every,
                       .preview = [&](const at::Tensor& x0) { preview(plan, x0, observer); }},
                      latents, observer);
    if (options_.low_memory) family_->release_denoiser();
  }
  check_finite(latents, "latents", *family_, placement_);
  timings.denoise = watch.lap();

  check_not_stopped(observer);
  observer.on_progress(Phase::kDecode, 0, 1);
  std::vector<Picture> pictures = decode(latents);
  if (options_.low_memory) family_->release_autoencoder();
  observer.on_progress(Phase::kDecode, 1, 1);
  timings.decode = watch.lap();

  std::vector<Painted> results(batch.size());
  for (size_t i = 0; i < batch.size(); ++i) {
    Painted& painted = results[i];
    painted.picture = std::move(pictures[i]);
    painted.latents = tensor_to_latents(latents[static_cast<int64_t>(i)]);
    painted.settings = {.width = plan.width,
                        .height = plan.height,
                        .steps = plan.steps,
                        .scale = batch[i].scale.value_or(family_->defaults().scale),
                        .sampler = sampler_name(plan.scheduler),
                        .prediction_type = plan.scheduler.get_string("prediction_type"),
                        .timesteps = calls.times,
                        .device = device_name(placement_),
                        .dtype = dtype_name(placement_),
                        .threads = at::get_num_threads()};
    painted.timings = timings;
  }
  return results;
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

void DiffusionPipeline::preview(const RunPlan& plan, const at::Tensor& latents,
                                Observer& observer) {
  AutoencoderKl& vae = family_->autoencoder();
  const std::vector<Picture> pictures =
      tensor_to_pictures(vae.decode(unscale_latents(vae.config(), latents)).nan_to_num());
  if (options_.low_memory) family_->release_autoencoder();
  for (size_t i = 0; i < pictures.size(); ++i) observer.on_preview(plan.indices[i], pictures[i]);
}

std::vector<Picture> DiffusionPipeline::decode(const at::Tensor& latents) {
  AutoencoderKl& vae = family_->autoencoder();
  const at::Tensor images = vae.decode(unscale_latents(vae.config(), latents));
  check_finite(images, "picture", *family_, placement_);
  return tensor_to_pictures(images);
}

}  // namespace sd
