#include "pipeline/run_plan.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>
#include <utility>

#include "core/check.h"
#include "diffusion/registry.h"
#include "jobs/request_limits.h"

namespace sd {
namespace {

/// "; the nearest are 496 and 512", those in the range alone; empty where the side is not in it.
std::string nearest_sides(int side, int multiple, int most) {
  if (side <= 0 || side > most) return "";
  const int below = side / multiple * multiple;
  const int above = below + multiple;
  if (below == 0) return concat_text("; the nearest is ", above);
  if (above > most) return concat_text("; the nearest is ", below);
  return concat_text("; the nearest are ", below, " and ", above);
}

int check_side(int side, const Family& family, const char* flag) {
  const int multiple = family.size_multiple();
  const int most = std::min(family.largest_side(), kMaxSide);
  SD_CHECK(side > 0 && side <= most && side % multiple == 0, ErrorKind::kUsage, flag,
           ": expected a multiple of ", multiple, " from ", multiple, " to ", most,
           most < kMaxSide ? ", the most that this model has positions for" : "", ", found ", side,
           nearest_sides(side, multiple, most));
  return side;
}

void check_values(const Request& request) {
  SD_CHECK(std::isfinite(request.eta) && request.eta >= 0, ErrorKind::kUsage,
           "--eta: expected a number from 0, found ", request.eta);
  const double strength = request.strength.value_or(1);
  SD_CHECK(strength >= 0 && strength <= 1, ErrorKind::kUsage,
           "--strength: expected a number from 0 to 1, found ", strength);
  SD_CHECK(std::isfinite(request.scale.value_or(0)), ErrorKind::kUsage,
           "--scale: expected a finite number");
  SD_CHECK(!(request.init_image && request.init_latents), ErrorKind::kUsage,
           "--init-img and --init-latents: only one of them can be the start");
}

/// All that the images of a part must agree in.
auto part_key(const Request& request, int steps, double strength) {
  const SkipLayerGuidance& skip = request.skip_layers;
  return std::tuple(steps, request.guidance_rescale,
                    skip.layers.empty() ? SkipLayerGuidance() : skip, request.sampler,
                    request.sigmas, request.spacing, request.variance, request.eta,
                    request.init_image.has_value(), request.init_latents.has_value(),
                    has_input(request) ? strength : 1.0);
}
using PartKey = decltype(part_key(Request(), 0, 0));

/// All that the images of a batch must agree in. Texts of other lengths are tensors of other
/// shapes.
auto draft_key(const Request& request, const PixelSize& size, Guidance guidance) {
  return std::tuple(size.width, size.height, guidance, request.max_sequence_length,
                    request.rope_grid == "original", request.rounded_times);
}
using DraftKey = decltype(draft_key(Request(), {}, Guidance::kOff));

/// A plan on its way: its parts and what each of them shares.
struct Draft {
  RunPlan plan;
  DraftKey key;
  std::vector<PartKey> keys;
};

Draft& draft_for(std::vector<Draft>& drafts, const Request& request, const PixelSize& size,
                 Guidance guidance) {
  DraftKey key = draft_key(request, size, guidance);
  const auto found = std::ranges::find(drafts, key, &Draft::key);
  if (found != drafts.end()) return *found;
  drafts.push_back({{size.width, size.height, guidance, {}}, std::move(key), {}});
  return drafts.back();
}

RunPart new_part(const Request& request, int steps, const Family& family) {
  const SamplerChoice choice{request.sampler, request.sigmas, request.spacing, request.variance};
  RunPart part{{}, steps, swap_scheduler(family.scheduler_config(), choice)};
  SD_CHECK(!request.variance.starts_with("learned") || family.learns_variance(), ErrorKind::kUsage,
           "--variance ", request.variance, ": the network of this model learned no variance");
  SD_CHECK(request.eta == 0 || sampler_name(part.scheduler) == "ddim", ErrorKind::kUsage,
           "--eta: only the sampler ddim has an eta, the sampler is ",
           sampler_name(part.scheduler));
  return part;
}

}  // namespace

PixelSize picture_size(const Request& request, const Family& family) {
  const int multiple = family.size_multiple();
  const int factor = family.latent_factor();
  PixelSize size{family.defaults().width, family.defaults().height};
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
  const PixelSize wanted = {request.width.value_or(size.width),
                            request.height.value_or(size.height)};
  size = request.init_latents ? wanted : family.nearest_size(request, wanted);
  return {check_side(size.width, family, "--width"), check_side(size.height, family, "--height")};
}

bool has_input(const Request& request) { return request.init_image || request.init_latents; }

size_t RunPlan::images() const {
  size_t count = 0;
  for (const RunPart& part : parts) count += part.indices.size();
  return count;
}

std::vector<RunPlan> plan_runs(const std::vector<Request>& requests, const Family& family) {
  std::vector<Draft> drafts;
  const FamilyDefaults defaults = family.defaults();
  for (size_t i = 0; i < requests.size(); ++i) {
    const Request& request = requests[i];
    check_values(request);
    family.check(request);
    const PixelSize size = picture_size(request, family);
    const bool is_guided = request.scale.value_or(defaults.scale) > 1;
    Draft& draft = draft_for(drafts, request, size, is_guided ? Guidance::kOn : Guidance::kOff);
    const int own_steps = has_input(request) ? defaults.img2img_steps : defaults.steps;
    const int steps = request.steps.value_or(own_steps);
    const PartKey key = part_key(request, steps, request.strength.value_or(defaults.strength));
    const auto position = std::ranges::find(draft.keys, key) - draft.keys.begin();
    if (position == std::ssize(draft.keys)) {
      draft.plan.parts.push_back(new_part(request, steps, family));
      draft.keys.push_back(key);
    }
    draft.plan.parts[static_cast<size_t>(position)].indices.push_back(i);
  }
  std::vector<RunPlan> plans;
  for (Draft& draft : drafts) plans.push_back(std::move(draft.plan));
  return plans;
}

std::vector<RunPlan> split_for_equal_bits(std::vector<RunPlan> plans, const Placement& placement) {
  if (!placement.device.is_cpu() || placement.dtype != at::kFloat) return plans;
  std::vector<RunPlan> singles;
  for (const RunPlan& plan : plans) {
    for (const RunPart& part : plan.parts) {
      for (const size_t index : part.indices) {
        singles.push_back({plan.width, plan.height, plan.guidance, {part}});
        singles.back().parts[0].indices = {index};
      }
    }
  }
  return singles;
}

}  // namespace sd
