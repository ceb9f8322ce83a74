#include "cli/batch_estimate.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "cli/batch_setup.h"
#include "core/check.h"

namespace sd {

void BatchEstimate::add(const BatchTask& task, const ModelDefaults& defaults) {
  const Request& request = task.job.request;
  std::optional<double> strength;
  if (!start_of(task).empty()) strength = request.strength;
  ++pictures_[{task.job.model, request.width.value_or(defaults.width),
               request.height.value_or(defaults.height), request.steps.value_or(defaults.steps),
               request.scale.value_or(defaults.scale) > 1, request.sampler, strength}];
}

Estimate BatchEstimate::finish(ModelShelf& shelf, std::optional<int> batch_size) const {
  Estimate sum;
  for (const auto& [key, count] : pictures_) {
    const auto& [model, width, height, steps, is_guided, sampler, strength] = key;
    Request request;
    request.width = width;
    request.height = height;
    request.steps = steps;
    request.scale = is_guided ? 2 : 1;
    request.sampler = sampler;
    if (strength) {
      request.init_image = Picture{width, height, {}};
      request.strength = *strength;
    }
    Pipeline& pipeline = *shelf.find(model).pipeline;
    const int64_t most = batch_size ? *batch_size : pipeline.suggested_batch_size(request);
    const auto together = static_cast<size_t>(std::min(most, count));
    const Estimate of_batch = pipeline.estimate(std::vector<Request>(together, request));
    sum.seconds += of_batch.seconds * static_cast<double>(count) / static_cast<double>(together);
    sum.memory = std::max(sum.memory, of_batch.memory);
  }
  return sum;
}

std::string print_duration(double seconds) {
  struct Unit {
    const char* name;
    long long seconds;
  };
  constexpr Unit kUnits[] = {{" d", 86400}, {" h", 3600}, {" min", 60}, {" s", 1}};
  const long long whole = std::max(1LL, std::llround(seconds));
  const auto* unit =
      std::ranges::find_if(kUnits, [&](const Unit& u) { return whole >= u.seconds; });
  std::string text = concat_text(whole / unit->seconds, unit->name);
  const long long left = whole % unit->seconds;
  constexpr long long kFew = 10;  // beyond that the smaller unit says nothing
  if (whole / unit->seconds >= kFew || left == 0) return text;
  const Unit& smaller = *(unit + 1);
  if (left >= smaller.seconds) text += concat_text(" ", left / smaller.seconds, smaller.name);
  return text;
}

}  // namespace sd
