#include "cli/batch_estimate.h"

#include <algorithm>
#include <vector>

#include "cli/batch_setup.h"
#include "core/check.h"
#include "jobs/job_keys.h"

namespace sd {
namespace {

/// The request with a start of the size that is named; what is in the start does not count.
Request request_of(const Job& job, const LatentSpace& latents) {
  Request request = job.request;
  const int width = *request.width;
  const int height = *request.height;
  if (!job.init_image.empty()) request.init_image = Picture{width, height, {}};
  if (!job.init_latents.empty()) {
    request.init_latents =
        Latents{{latents.channels, height / latents.factor, width / latents.factor}, {}};
    request.width.reset();
    request.height.reset();
  }
  return request;
}

}  // namespace

void BatchEstimate::add(const BatchTask& task, const ShelvedModel& model) {
  const ModelDefaults& defaults = model.defaults;
  const Request& request = task.job.request;
  Group group;
  group.job.model = task.job.model;
  if (!task.job.init_image.empty()) group.job.init_image = "any";
  if (!task.job.init_latents.empty()) group.job.init_latents = "any";
  Request& same = group.job.request;
  const std::optional<PixelSize> size = painted_size(task, *model.pipeline);
  same.width = size ? size->width : request.width.value_or(defaults.width);
  same.height = size ? size->height : request.height.value_or(defaults.height);
  same.resolution_binning = request.resolution_binning;
  same.steps = steps_of(task, defaults);
  same.max_sequence_length = request.max_sequence_length;
  same.skip_layers = request.skip_layers;
  // Whatever the scale is, it costs the same.
  same.skip_layers.scale = 0;
  same.scale = request.scale.value_or(defaults.scale) > 1 ? 2 : 1;  // guided or not
  same.sampler = request.sampler;
  same.sigmas = request.sigmas;
  same.spacing = request.spacing;
  same.strength = request.strength;
  ++groups_.try_emplace(print_job(group.job), group).first->second.pictures;
}

Estimate BatchEstimate::finish(ModelShelf& shelf, std::optional<int> batch_size) const {
  Estimate sum;
  for (const auto& [key, group] : groups_) {
    Pipeline& pipeline = *shelf.find(group.job.model).pipeline;
    const Request request = request_of(group.job, pipeline.latent_space());
    const int64_t most = batch_size ? *batch_size : pipeline.suggested_batch_size(request);
    const auto together = static_cast<size_t>(std::min(most, group.pictures));
    const Estimate of_batch = pipeline.estimate(std::vector<Request>(together, request));
    sum.seconds +=
        of_batch.seconds * static_cast<double>(group.pictures) / static_cast<double>(together);
    sum.memory = std::max(sum.memory, of_batch.memory);
  }
  return sum;
}

}  // namespace sd
