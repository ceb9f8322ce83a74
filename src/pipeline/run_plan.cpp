#include "pipeline/run_plan.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "core/check.h"
#include "diffusion/registry.h"
#include "jobs/request_limits.h"

namespace sd {
namespace {

struct Size {
  int width;
  int height;
};

int check_side(int side, int multiple, const char* flag) {
  SD_CHECK(side > 0 && side <= kMaxSide && side % multiple == 0, ErrorKind::kUsage, flag,
           ": expected a multiple of ", multiple, " from ", multiple, " to ", kMaxSide, ", found ",
           side);
  return side;
}

/// The size that a request names; else its input's, rounded down to the multiple; else the
/// family's.
Size picture_size(const Request& request, const Family& family) {
  const int multiple = family.size_multiple();
  const int factor = family.latent_factor();
  Size size{family.defaults().width, family.defaults().height};
  if (request.init_image) {
    const Picture& input = *request.init_image;
    SD_CHECK(
        (request.width || input.width >= multiple) && (request.height || input.height >= multiple),
        ErrorKind::kInput, "--init-img: expected at least ", multiple, "x", multiple,
        " pixels, found ", input.width, "x", input.height);
    size = {input.width / multiple * multiple, input.height / multiple * multiple};
  } else if (request.init_latents) {
    const auto& shape = request.init_latents->shape;
    SD_CHECK(shape.size() == 3 && shape[0] == family.latent_channels(), ErrorKind::kInput,
             "--init-latents: expected ", family.latent_channels(),
             " channels of latents for this model, found ", shape.empty() ? 0 : shape[0]);
    size = {static_cast<int>(shape[2]) * factor, static_cast<int>(shape[1]) * factor};
    SD_CHECK(request.width.value_or(size.width) == size.width &&
                 request.height.value_or(size.height) == size.height,
             ErrorKind::kUsage,
             "--width and --height: the latents of --init-latents make a picture of ", size.width,
             "x", size.height, ", leave both out");
  }
  return {check_side(request.width.value_or(size.width), multiple, "--width"),
          check_side(request.height.value_or(size.height), multiple, "--height")};
}

void check_values(const Request& request) {
  SD_CHECK(std::isfinite(request.eta) && request.eta >= 0, ErrorKind::kUsage,
           "--eta: expected a number from 0, found ", request.eta);
  SD_CHECK(request.strength >= 0 && request.strength <= 1, ErrorKind::kUsage,
           "--strength: expected a number from 0 to 1, found ", request.strength);
  SD_CHECK(std::isfinite(request.scale.value_or(0)), ErrorKind::kUsage,
           "--scale: expected a finite number");
  SD_CHECK(!(request.init_image && request.init_latents), ErrorKind::kUsage,
           "--init-img and --init-latents: only one of them can be the start");
}

/// All that the images of a batch must agree in.
auto batch_key(const Request& request, const RunPlan& plan) {
  return std::tuple(plan.width, plan.height, plan.steps, plan.guidance == Guidance::kOn,
                    request.guidance_rescale, request.sampler, request.sigmas, request.spacing,
                    request.eta, request.init_image.has_value(), request.init_latents.has_value(),
                    request.init_image || request.init_latents ? request.strength : 1.0);
}

}  // namespace

std::vector<RunPlan> plan_runs(const std::vector<Request>& requests, const Family& family) {
  std::vector<RunPlan> plans;
  std::vector<decltype(batch_key(requests[0], plans[0]))> keys;
  const FamilyDefaults defaults = family.defaults();
  for (size_t i = 0; i < requests.size(); ++i) {
    const Request& request = requests[i];
    check_values(request);
    const Size size = picture_size(request, family);
    const double scale = request.scale.value_or(defaults.scale);
    RunPlan plan{.indices = {i},
                 .width = size.width,
                 .height = size.height,
                 .steps = request.steps.value_or(defaults.steps),
                 .guidance = scale > 1 ? Guidance::kOn : Guidance::kOff,
                 .scheduler = family.scheduler_config()};
    auto key = batch_key(request, plan);
    const auto found = std::find(keys.begin(), keys.end(), key);
    if (found != keys.end()) {
      plans[found - keys.begin()].indices.push_back(i);
      continue;
    }
    const SamplerChoice choice{request.sampler, request.sigmas, request.spacing};
    plan.scheduler = swap_scheduler(family.scheduler_config(), choice);
    SD_CHECK(request.eta == 0 || sampler_name(plan.scheduler) == "ddim", ErrorKind::kUsage,
             "--eta: only the sampler ddim has an eta, the sampler is ",
             sampler_name(plan.scheduler));
    plans.push_back(std::move(plan));
    keys.push_back(std::move(key));
  }
  return plans;
}

std::vector<RunPlan> split_for_equal_bits(std::vector<RunPlan> plans, const Placement& placement) {
  if (!placement.device.is_cpu() || placement.dtype != at::kFloat) return plans;
  std::vector<RunPlan> singles;
  for (const RunPlan& plan : plans) {
    for (const size_t index : plan.indices) {
      singles.push_back(plan);
      singles.back().indices = {index};
    }
  }
  return singles;
}

}  // namespace sd
