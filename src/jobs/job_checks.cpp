// What the keys of a job mean together.

#include <algorithm>
#include <array>
#include <utility>

#include "core/check.h"
#include "jobs/job_keys.h"
#include "jobs/parse_value.h"

namespace sd {

bool are_rivals(std::string_view a, std::string_view b) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kRivals = {
      {{"init_img", "init_latents"}, {"negative_prompt", "negative_preset"}}};
  return std::ranges::any_of(kRivals, [&](const auto& pair) {
    return (a == pair.first && b == pair.second) || (a == pair.second && b == pair.first);
  });
}

std::optional<JobConflict> find_conflict(const Job& job) {
  const Request& request = job.request;
  if (request.eta != 0 && !request.sampler.empty() && request.sampler != "ddim") {
    return JobConflict{{"eta", "sampler"},
                       "eta belongs to the sampler ddim, found " + request.sampler};
  }
  if (!request.variance.empty() && !request.sampler.empty() && request.sampler != "ddpm") {
    return JobConflict{{"variance", "sampler"},
                       "variance belongs to the sampler ddpm, found " + request.sampler};
  }
  const SkipLayerGuidance& skip = request.skip_layers;
  if (!skip.layers.empty() && skip.start >= skip.stop) {
    return JobConflict{{"skip_layer_start", "skip_layer_stop"},
                       "skip_layer_start expects less than the skip_layer_stop of " +
                           print_real(skip.stop) + ", found " + print_real(skip.start)};
  }
  if (job.seed && *job.seed > kMaxSeed - static_cast<uint64_t>(job.count - 1)) {
    return JobConflict{{"seed", "count"},
                       concat_text("seed ", *job.seed, " is too large for ", job.count,
                                   " images: the last seed would pass ", kMaxSeed)};
  }
  return std::nullopt;
}

void check_job(const Job& job) {
  if (const auto conflict = find_conflict(job)) fail(ErrorKind::kUsage, conflict->message);
}

std::optional<std::string> why_idle(const Job& job, std::string_view key) {
  const bool has_start = !job.init_image.empty() || !job.init_latents.empty();
  if (key == "strength" && !has_start) return "strength expects init_img or init_latents beside it";
  if (key.starts_with("skip_layer_") && job.request.skip_layers.layers.empty()) {
    return concat_text(key, " expects skip_layers beside it");
  }
  return std::nullopt;
}

}  // namespace sd
