// Whole runs against the pinned diffusers; see tools/fixtures/schedulers.py.

#include <array>
#include <cmath>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <string>

#include "core/check.h"
#include "core/config_limits.h"
#include "diffusion/guidance.h"
#include "diffusion/strength.h"
#include "tests/diffusion/scheduler_support.h"
#include "tests/support/golden.h"

namespace sd {
namespace {

using testing::all_near;
using testing::Golden;

// On the processor that made the goldens (AVX-512) the difference is at most 1e-6; torch's kernels
// for other processors round some coefficients differently, which a run of few steps amplifies.
constexpr double kTolerance = 1e-4;
// torch rounds a coefficient to float16 before it multiplies on the CPU, but not on CUDA; we never
// do.
constexpr double kHalfTolerance = 1e-2;
constexpr std::array<int64_t, 4> kShape = {2, 4, 2, 2};

/// Stands for a network, as `model` in tools/fixtures/schedulers.py.
at::Tensor model(const at::Tensor& x, double time, bool doubled) {
  const at::Tensor out =
      0.6 * at::tanh(x) + 0.2 * std::cos(0.01 * time) * at::tanh(at::flip(x, {3}));
  return doubled ? at::cat({out, 0.3 + 0.2 * at::tanh(x)}, 1) : out;
}

bool is_flow(const SchedulerConfig& config) { return prediction_name(config) == "flow"; }

struct Case {
  SchedulerConfig config;
  SamplerOptions options;
  at::ScalarType dtype;
  std::vector<std::string> runs;  ///< "steps" or "steps@strength"
};

Case read_case(ConfigReader& folders, ConfigReader json) {
  SchedulerConfig config = read_scheduler_config(folders.get_object(json.get_string("folder", "")));
  if (json.get_bool("patch", false)) patch_for_stable_diffusion(config);
  config = swap_scheduler(config, {.name = json.get_string("sampler", ""),
                                   .sigmas = json.get_string("sigmas", ""),
                                   .spacing = json.get_string("spacing", "")});
  std::vector<std::string> runs;
  for (const int64_t steps : json.get_ints("steps", {}, kStepsRange))
    runs.push_back(std::to_string(steps));
  for (std::string& run : json.get_strings("strengths", {})) runs.push_back(run);
  SamplerOptions options{
      .eta = json.get_double("eta", 0, kPartRange),
      .use_clipped_model_output = json.get_bool("clipped", false),
      .image_tokens = {},
  };
  if (json.has("tokens")) options.image_tokens = json.get_int("tokens", 0, kStepsRange);
  return {.config = config,
          .options = options,
          .dtype = json.get_string("dtype", "") == "float16" ? at::kHalf : at::kFloat,
          .runs = runs};
}

struct Result {
  std::vector<double> times;
  at::Tensor last;
  at::Tensor first_x0;
  at::Tensor last_x0;
};

Result run(Scheduler& scheduler, const Case& c, const std::string& label) {
  const int64_t steps = std::stoll(label);
  scheduler.set_timesteps(steps);
  SeededNoise noise({7, 8});
  const at::Tensor drawn = noise.normal(kShape).to(c.dtype);
  int64_t begin = 0;
  at::Tensor x;
  if (const size_t at = label.find('@'); at != std::string::npos) {
    const StrengthRule rule =
        is_flow(c.config) ? StrengthRule::kFractional : StrengthRule::kWholeSteps;
    begin = strength_window(steps, std::stod(label.substr(at + 1)), scheduler.order(), rule)
                .begin_index;
    scheduler.set_begin_index(begin);
    x = scheduler.add_noise(at::sin(at::arange(32, at::kFloat)).reshape(kShape).to(c.dtype), drawn);
  } else {
    x = drawn * scheduler.init_noise_sigma();
  }
  const ConfigValue variance = c.config.value("variance_type");
  const auto* variance_name = std::get_if<std::string>(&variance);
  const bool doubled = variance_name && variance_name->starts_with("learned");
  Result result{.times = scheduler.timesteps(), .last = {}, .first_x0 = {}, .last_x0 = {}};
  for (size_t i = begin; i < result.times.size(); ++i) {
    const at::Tensor out = model(scheduler.scale_model_input(x), result.times[i], doubled);
    const StepOutput output = scheduler.step(out, x, noise);
    if (!result.first_x0.defined()) result.first_x0 = output.pred_x0;
    result.last_x0 = output.pred_x0;
    x = output.prev;
  }
  result.last = x;
  EXPECT_EQ(x.scalar_type(), c.dtype);
  return result;
}

/// All up to 60, else every 97th.
at::Tensor kept(const std::vector<double>& values) {
  std::vector<double> some;
  for (size_t i = 0; i < values.size(); i += values.size() <= 60 ? 1 : 97)
    some.push_back(values[i]);
  return at::tensor(some, at::kDouble).to(at::kFloat);
}

/// The sigma of every call of a rectified flow's run: what it makes of nothing and noise 1.
std::vector<double> flow_sigmas(Scheduler& scheduler, int64_t steps) {
  scheduler.set_timesteps(steps);
  std::vector<double> sigmas;
  for (size_t i = 0; i < scheduler.timesteps().size(); ++i) {
    scheduler.set_begin_index(static_cast<int64_t>(i));
    sigmas.push_back(scheduler.add_noise(at::zeros({1}), at::ones({1})).item<double>());
  }
  return sigmas;
}

/// Takes the head of a fixture's row: `found` is equal to it, within the tolerance.
void expect_head(const at::Tensor& found, at::Tensor& row, double tolerance, const char* what) {
  ASSERT_GE(row.size(0), found.size(0));
  const at::Tensor expected = row.narrow(0, 0, found.size(0));
  EXPECT_TRUE(tolerance == 0 ? at::equal(found, expected) : all_near(found, expected, tolerance))
      << what;
  row = row.narrow(0, found.size(0), row.size(0) - found.size(0));
}

void expect_equal(const Result& found, Scheduler& scheduler, const Case& c,
                  const std::string& label, at::Tensor row) {
  const bool flow = is_flow(c.config);  // its times and sigmas have the oracle's bits
  const auto calls = static_cast<double>(found.times.size());
  expect_head(at::full({1}, calls, at::kFloat), row, 0, "number of calls");
  expect_head(kept(found.times), row, flow ? 0 : 1e-6, "times");
  if (flow) expect_head(kept(flow_sigmas(scheduler, std::stoll(label))), row, 0, "sigmas");
  ASSERT_EQ(row.size(0), 64);
  const at::Tensor samples = row.reshape({4, 4, 2, 2});
  const double tolerance = c.dtype == at::kHalf ? kHalfTolerance : kTolerance;
  EXPECT_TRUE(all_near(found.last, samples.narrow(0, 0, 2), tolerance)) << "final sample";
  EXPECT_TRUE(all_near(found.first_x0[0], samples[2], tolerance)) << "first x0";
  EXPECT_TRUE(all_near(found.last_x0[0], samples[3], tolerance)) << "last x0";
}

/// The rule for what diffusers refuses or cannot compute (cases.json, "refused"): a kUsage error
/// that names steps and sampler, before the first model call.
void expect_refused(const Case& c, const std::string& label) {
  try {
    run(*make_scheduler(c.config, c.options), c, label);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_NE(std::string(error.what()).find(label.substr(0, label.find('@'))), std::string::npos);
    EXPECT_NE(std::string(error.what()).find(sampler_name(c.config)), std::string::npos);
  }
}

class Oracle : public ::testing::TestWithParam<std::string> {};

TEST_P(Oracle, RunsAreEqual) {
  const std::string& sampler = GetParam();
  ConfigReader json = ConfigReader::from_file(SD_TEST_DATA "/schedulers/cases.json");
  ConfigReader folders = json.get_object("folders");
  ConfigReader cases = json.get_object("cases");
  const ConfigReader refused = json.get_object("refused");
  Golden golden("schedulers/" + sampler + ".safetensors");
  int runs = 0;
  int errors = 0;
  for (const std::string& name : cases.keys()) {
    if (!name.starts_with(sampler + ".")) continue;
    const Case c = read_case(folders, cases.get_object(name));
    auto scheduler = make_scheduler(c.config, c.options);  // one object for all runs of the case
    for (const std::string& label : c.runs) {
      const std::string key = name + "/" + label;
      SCOPED_TRACE(key);
      if (refused.has(key)) {
        expect_refused(c, label);
        ++errors;
      } else {
        expect_equal(run(*scheduler, c, label), *scheduler, c, label, golden[key]);
        ++runs;
      }
    }
  }
  RecordProperty("runs", runs);
  RecordProperty("errors", errors);
  EXPECT_GE(runs, 20);
}

INSTANTIATE_TEST_SUITE_P(Samplers, Oracle, ::testing::ValuesIn(sampler_names()),
                         [](const auto& info) { return info.param; });

TEST(Guidance, EqualsThePipelines) {
  Golden golden("schedulers/guidance.safetensors");
  const at::Tensor positive = golden["positive"];
  const at::Tensor guided = guide(golden["negative"], positive, at::full({1, 1, 1, 1}, 7.5));
  EXPECT_TRUE(all_near(guided, golden["guided"], 1e-6));
  EXPECT_TRUE(all_near(rescale_guided(guided, positive, 0.7), golden["rescaled"], 1e-6));
}

}  // namespace
}  // namespace sd
