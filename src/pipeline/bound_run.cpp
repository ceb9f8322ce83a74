#include "pipeline/bound_run.h"

#include <ATen/Parallel.h>
#include <ATen/ops/nan_to_num.h>
#include <algorithm>

#include "core/check.h"
#include "core/device.h"
#include "core/noise.h"
#include "core/stop.h"
#include "core/tensor_ops.h"
#include "diffusion/bound_times.h"
#include "diffusion/registry.h"
#include "diffusion/variational_bound.h"
#include "pipeline/image_tensors.h"
#include "pipeline/run_checks.h"
#include "pipeline/run_plan.h"

namespace sd {
namespace {

constexpr const char* kAdvice = "another picture";

void check_times(const BoundRequest& request, int64_t train_times) {
  const std::vector<int>& list = request.time_list;
  SD_CHECK(
      !list.empty() || request.times == 0 || (request.times >= 2 && request.times <= train_times),
      ErrorKind::kUsage, "--timesteps: expected all or 2 to ", train_times,
      ", the times that this model was trained on, found ", request.times);
  for (const int time : list) {
    SD_CHECK(time >= 0 && time < train_times, ErrorKind::kUsage,
             "--timesteps: the times of this model are 0 to ", train_times - 1, ", found ", time);
  }
  SD_CHECK(list != std::vector<int>{0}, ErrorKind::kUsage,
           "--timesteps: expected a time above 0 beside 0, which stands for no other");
}

/// Latest first.
std::vector<BoundTime> choose_times(const BoundRequest& request, int64_t train_times) {
  check_times(request, train_times);
  const std::vector<int>& list = request.time_list;
  if (!list.empty()) return weigh_times({list.begin(), list.end()}, train_times);
  const int64_t count = request.times == 0 ? train_times : request.times;
  return weigh_times(spread_times(count, train_times), train_times);
}

/// The picture's size; all of the request is checked.
PixelSize size_of(const Request& image, const Family& family) {
  SD_CHECK(has_input(image), ErrorKind::kUsage,
           "--init-img FILE is needed, the picture to evaluate");
  const RunPlan plan = plan_runs({image}, family).front();
  return {plan.width, plan.height};
}

class BoundRun {
 public:
  BoundRun(const BoundRequest& request, const BoundParts& parts, Observer& observer)
      : request_(request),
        family_(parts.family),
        placement_(parts.placement),
        low_memory_(parts.low_memory),
        observer_(observer),
        bound_(config_of(family_)),
        times_(choose_times(request, bound_.train_times())),
        image_(without_guidance(request.image)),
        size_(size_of(image_, family_)),
        noise_({image_.seed}) {
    SD_CHECK(request.batch_size >= 1, ErrorKind::kUsage,
             "--batch-size: expected at least 1, found ", request.batch_size);
    check_memory();
  }

  Bound run() {
    Bound result;
    Stopwatch watch;
    const std::vector<Stretch> stretches = encode();
    result.timings.encode = watch.lap();
    const auto total = static_cast<int>(times_.size());
    observer_.on_progress(Phase::kEvaluate, 0, total);
    for (const Stretch& stretch : stretches) evaluate(stretch, result);
    if (low_memory_) family_.release_denoiser();
    result.timings.denoise = watch.lap();
    add_up(result);
    return result;
  }

 private:
  /// Calls of the network that have as many rows each.
  struct Stretch {
    size_t first = 0;  // of the times
    int64_t calls = 0;
    int64_t rows = 0;
    Conditioning conditioning = {};
  };

  static const SchedulerConfig& config_of(const Family& family) {
    SD_CHECK(family.learns_variance(), ErrorKind::kUsage,
             "the variational bound needs a network that learned a variance, and that of this "
             "model did not");
    return family.scheduler_config();
  }

  static Request without_guidance(Request image) {
    image.scale = 1;
    return image;
  }

  int64_t cells(int side) const { return side / family_.latent_factor(); }

  void check_memory() const {
    const int64_t h = cells(size_.height);
    const int64_t w = cells(size_.width);
    const int64_t rows = std::min<int64_t>(request_.batch_size, std::ssize(times_));
    const double needed =
        std::max(family_.least_memory(1, Guidance::kOff, h, w),
                 rows == 1 ? 0 : family_.needs(rows, Guidance::kOff, h, w).call_memory);
    sd::check_memory(needed,
                     concat_text(rows, rows == 1 ? " time" : " times at once", " of a picture of ",
                                 size_.width, "x", size_.height),
                     "lower --width, --height or --batch-size, or try --vae-tiling", placement_);
  }

  std::vector<Stretch> make_stretches() const {
    const int64_t count = std::ssize(times_);
    const int64_t rows = std::min<int64_t>(request_.batch_size, count);
    const int64_t whole = count / rows;
    std::vector<Stretch> stretches = {{.first = 0, .calls = whole, .rows = rows}};
    if (const int64_t rest = count % rows; rest > 0) {
      stretches.push_back({.first = static_cast<size_t>(whole * rows), .calls = 1, .rows = rest});
    }
    return stretches;
  }

  /// Text and picture.
  std::vector<Stretch> encode() {
    check_not_stopped(observer_);
    observer_.on_progress(Phase::kEncode, 0, 1);
    std::vector<Stretch> stretches = make_stretches();
    for (Stretch& stretch : stretches) {
      const std::vector<Request> rows(static_cast<size_t>(stretch.rows), image_);
      stretch.conditioning = family_.encode(rows, Guidance::kOff, size_, observer_);
    }
    if (low_memory_) family_.release_text();
    check_not_stopped(observer_);
    x0_ = encode_picture().to(placement_.device, at::kFloat);
    if (low_memory_) family_.release_autoencoder();
    observer_.on_progress(Phase::kEncode, 1, 1);
    return stretches;
  }

  /// [1, C, h, w]
  at::Tensor encode_picture() {
    if (image_.init_latents) return latents_to_tensor(*image_.init_latents);
    const AutoencoderKl& vae = family_.autoencoder();
    const at::Tensor pixels = picture_to_tensor(*image_.init_image, size_.width, size_.height);
    const Posterior posterior = vae.encode(pixels.to(placement_.device));
    return scale_latents(vae.config(), sample(posterior, noise_));
  }

  void evaluate(const Stretch& stretch, Bound& result) {
    std::vector<float> times;
    for (int64_t i = 0; i < stretch.calls * stretch.rows; ++i) {
      times.push_back(static_cast<float>(times_[stretch.first + static_cast<size_t>(i)].time));
    }
    Denoiser& denoiser = family_.denoiser();
    denoiser.bind(
        stretch.conditioning,
        at::tensor(times, at::kFloat).view({stretch.calls, stretch.rows}).to(placement_.device));
    for (int64_t call = 0; call < stretch.calls; ++call) {
      check_not_stopped(observer_);
      evaluate(denoiser, stretch, call, result);
      observer_.on_progress(Phase::kEvaluate, static_cast<int>(result.terms.size()),
                            static_cast<int>(times_.size()));
    }
  }

  /// One call of the network.
  void evaluate(Denoiser& denoiser, const Stretch& stretch, int64_t call, Bound& result) {
    const auto* const begin =
        times_.data() + stretch.first + static_cast<size_t>(call * stretch.rows);
    BoundBatch batch = next_batch({begin, begin + stretch.rows});
    const at::Tensor input =
        batch.noised.to(placement_.dtype).contiguous(at::MemoryFormat::ChannelsLast);
    batch.output = denoiser.run(input, call).to(at::kFloat);
    check_finite(batch.output, "output of the network", kAdvice, family_, placement_);
    const BoundTerms terms =
        bound_.terms(batch, request_.clip_denoised ? ClipDenoised::kYes : ClipDenoised::kNo);
    const at::Tensor numbers =
        at::stack({terms.vb, terms.mse, terms.x0_mse}, 1).to(at::kCPU, at::kDouble).contiguous();
    check_finite(numbers, "variational bound", kAdvice, family_, placement_);
    const double* row = numbers.const_data_ptr<double>();
    for (const BoundTime* at = begin; at != begin + stretch.rows; ++at, row += numbers.size(1)) {
      result.terms.push_back({.time = static_cast<int>(at->time),
                              .weight = static_cast<int>(at->weight),
                              .vb = row[0],
                              .mse = row[1],
                              .x0_mse = row[2]});
    }
    if (request_.on_x0) show(terms.pred_x0, batch.times);
  }

  /// The latents noised to these times, but for the network's word on them. Draws one row after the
  /// other, so that the numbers do not depend on how many share a call.
  BoundBatch next_batch(const std::vector<BoundTime>& times) {
    BoundBatch batch;
    std::vector<at::Tensor> noises;
    for (const BoundTime& time : times) {
      batch.times.push_back(time.time);
      noises.push_back(noise_.normal(x0_.sizes()));
    }
    batch.noise = at::cat(noises).to(placement_.device);
    batch.x0 = x0_.expand_as(batch.noise);
    batch.noised = bound_.noised(batch.x0, batch.noise, batch.times);
    return batch;
  }

  void show(const at::Tensor& pred_x0, const std::vector<int64_t>& times) {
    const AutoencoderKl& vae = family_.autoencoder();
    for (size_t i = 0; i < times.size(); ++i) {
      const at::Tensor latents = pred_x0.narrow(0, static_cast<int64_t>(i), 1);
      const at::Tensor image = vae.decode(unscale_latents(vae.config(), latents)).nan_to_num();
      request_.on_x0(static_cast<int>(times[i]), tensor_to_pictures(image).front());
    }
    if (low_memory_) family_.release_autoencoder();
  }

  void add_up(Bound& result) const {
    result.train_times = static_cast<int>(bound_.train_times());
    for (const BoundTerm& term : result.terms) {
      result.vb += term.weight * term.vb;
      result.mse += term.weight * term.mse / result.train_times;
      result.x0_mse += term.weight * term.x0_mse / result.train_times;
      result.settings.timesteps.push_back(term.time);
    }
    result.prior = bound_.prior(x0_).item<double>();
    result.total = result.prior + result.vb;
    result.settings.width = size_.width;
    result.settings.height = size_.height;
    result.settings.prediction_type = prediction_name(family_.scheduler_config());
    result.settings.device = device_name(placement_);
    result.settings.dtype = dtype_name(placement_);
    result.settings.t5 = family_.t5_name();
    result.settings.threads = at::get_num_threads();
  }

  const BoundRequest& request_;
  Family& family_;
  Placement placement_;
  bool low_memory_;
  Observer& observer_;
  VariationalBound bound_;
  std::vector<BoundTime> times_;
  Request image_;
  PixelSize size_;
  SeededNoise noise_;
  at::Tensor x0_;  // [1, C, h, w], float32 on the device
};

}  // namespace

Bound run_bound(const BoundRequest& request, const BoundParts& parts, Observer& observer) {
  return BoundRun(request, parts, observer).run();
}

}  // namespace sd
