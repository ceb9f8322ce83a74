#include "diffusion/timestep_spacing.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace sd {

namespace {

std::vector<double> mapped(std::vector<double> values, const std::function<double(double)>& f) {
  std::transform(values.begin(), values.end(), values.begin(), f);
  return values;
}

std::vector<double> reversed(std::vector<double> values) {
  std::reverse(values.begin(), values.end());
  return values;
}

std::vector<double> leading(int64_t count, int64_t ratio, int64_t offset) {
  std::vector<double> times;
  times.reserve(static_cast<size_t>(count));
  for (int64_t i = count - 1; i >= 0; --i) times.push_back(static_cast<double>(i * ratio + offset));
  return times;
}

std::vector<double> trailing(int64_t last_time, const SpacingRequest& request) {
  const double step = static_cast<double>(request.train_times) / static_cast<double>(request.steps);
  return mapped(numpy_arange_down(static_cast<double>(last_time), step),
                [](double time) { return std::nearbyint(time) - 1; });
}

double rounded(double value) { return std::nearbyint(value); }

}  // namespace

TimestepSpacing timestep_spacing(const SchedulerConfig& config) {
  const std::string spacing =
      config.get_choice("timestep_spacing", {"leading", "linspace", "trailing"});
  if (spacing == "leading") return TimestepSpacing::kLeading;
  return spacing == "linspace" ? TimestepSpacing::kLinspace : TimestepSpacing::kTrailing;
}

std::vector<double> numpy_linspace(double start, double stop, int64_t count) {
  const double delta = stop - start;
  const double step =
      count > 1 ? delta / static_cast<double>(count - 1) : std::numeric_limits<double>::quiet_NaN();
  std::vector<double> values;
  values.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    values.push_back(static_cast<double>(i) * (count > 1 ? step : delta) + start);
  }
  if (count > 1) values.back() = stop;
  return values;
}

std::vector<double> numpy_arange_down(double start, double step) {
  const auto count = static_cast<int64_t>(std::ceil(-start / -step));
  const double delta = (start - step) - start;
  std::vector<double> values;
  values.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    values.push_back(i == 1 ? start - step : start + static_cast<double>(i) * delta);
  }
  return values;
}

std::vector<double> whole_times(const SpacingRequest& request) {
  switch (request.spacing) {
    case TimestepSpacing::kLeading:
      return leading(request.steps, request.train_times / request.steps, request.offset);
    case TimestepSpacing::kLinspace:
      return reversed(mapped(
          numpy_linspace(0, static_cast<double>(request.train_times - 1), request.steps), rounded));
    case TimestepSpacing::kTrailing: return trailing(request.train_times, request);
  }
  return {};
}

std::vector<double> fractional_times(const SpacingRequest& request) {
  if (request.spacing != TimestepSpacing::kLinspace) return whole_times(request);
  return reversed(
      mapped(numpy_linspace(0, static_cast<double>(request.train_times - 1), request.steps),
             [](double time) { return static_cast<double>(static_cast<float>(time)); }));
}

std::vector<double> multistep_times(const SpacingRequest& request, int64_t last_time) {
  if (request.spacing == TimestepSpacing::kTrailing) return trailing(last_time, request);
  const int64_t points = request.steps + 1;
  std::vector<double> times =
      request.spacing == TimestepSpacing::kLeading
          ? leading(points, last_time / points, request.offset)
          : reversed(
                mapped(numpy_linspace(0, static_cast<double>(last_time - 1), points), rounded));
  times.pop_back();
  return times;
}

}  // namespace sd
