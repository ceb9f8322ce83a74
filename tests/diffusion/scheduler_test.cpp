#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "core/check.h"
#include "diffusion/noise_schedule.h"
#include "diffusion/strength.h"
#include "diffusion/timestep_spacing.h"
#include "tests/diffusion/scheduler_support.h"

namespace sd {
namespace {

using testing::config_from;
using ::testing::ElementsAre;
using testing::OneGenerator;
using testing::scheduler_from;

constexpr const char* kSdBetas =
    R"("beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear")";

std::string sd_config(const std::string& class_name, const std::string& more = "") {
  return R"({"_class_name": ")" + class_name + "\", " + kSdBetas +
         (more.empty() ? "" : ", " + more) + "}";
}

TEST(NoiseSchedule, AlphasOfStableDiffusion) {
  const auto alphas =
      make_alphas_cumprod(config_from(sd_config("DDIMScheduler")), TerminalAlpha::kZero);
  EXPECT_FLOAT_EQ(alphas[0], 0.999149978F);
  EXPECT_FLOAT_EQ(alphas[500], 0.276332468F);
  EXPECT_FLOAT_EQ(alphas[981], 0.0057754959F);
  EXPECT_FLOAT_EQ(alphas[999], 0.00466009509F);
  EXPECT_EQ(at_time(alphas, -1), alphas[999]);
  EXPECT_TRUE(std::isnan(at_time(alphas, 1000)));
}

TEST(NoiseSchedule, ZeroTerminalSnr) {
  const auto config = config_from(sd_config("DDIMScheduler", R"("rescale_betas_zero_snr": true)"));
  EXPECT_EQ(make_alphas_cumprod(config, TerminalAlpha::kZero).back(), 0);
  const auto small = make_alphas_cumprod(config, TerminalAlpha::kSmallestFloat16);
  EXPECT_EQ(small.back(), std::ldexp(1.0F, -24));
  EXPECT_FLOAT_EQ(small.front(), 0.99915F);
}

TEST(TimestepSpacing, TrailingRoundsHalfToEven) {
  const SpacingRequest request{TimestepSpacing::kTrailing, 1000, 32, 0};
  const auto times = whole_times(request);  // 1000, 968.75, 937.5, 906.25 … less one
  EXPECT_THAT(std::vector(times.begin(), times.begin() + 4), ElementsAre(999, 968, 937, 905));
}

TEST(TimestepSpacing, TrailingHasOneTimeMoreForSomeSteps) {
  for (const int64_t steps : {61, 103, 121, 122, 201}) {
    const auto times = whole_times({TimestepSpacing::kTrailing, 1000, steps, 0});
    EXPECT_EQ(times.size(), steps + 1);
    EXPECT_EQ(times.back(), -1);
  }
}

TEST(TimestepSpacing, MultistepGridsDropTheirEnd) {
  EXPECT_THAT(multistep_times({TimestepSpacing::kLeading, 1000, 4, 1}, 1000),
              ElementsAre(801, 601, 401, 201));
  EXPECT_THAT(multistep_times({TimestepSpacing::kLinspace, 1000, 4, 1}, 1000),
              ElementsAre(999, 749, 500, 250));  // 499.5 and 249.75, half to even
}

TEST(Scheduler, PlmsRepeatsTheSecondTime) {
  auto plms =
      scheduler_from(sd_config("PNDMScheduler", R"("skip_prk_steps": true, "steps_offset": 1)"));
  plms->set_timesteps(50);
  const auto& times = plms->timesteps();
  ASSERT_EQ(times.size(), 51);
  EXPECT_THAT(std::vector(times.begin(), times.begin() + 4), ElementsAre(981, 961, 961, 941));
  EXPECT_EQ(times.back(), 1);
}

TEST(Scheduler, LcmTakesFromTheDistillationGrid) {
  auto lcm = scheduler_from(R"({"_class_name": "LCMScheduler"})");
  lcm->set_timesteps(4);
  EXPECT_THAT(lcm->timesteps(), ElementsAre(999, 759, 499, 259));
}

TEST(Scheduler, DrawsOnlyWhenDiffusersDraws) {
  struct Expected {
    std::string config;
    int64_t draws;  ///< in a run of four steps
  };
  const std::vector<Expected> all = {
      {sd_config("DDIMScheduler"), 0},
      {sd_config("DDPMScheduler", R"("steps_offset": 1)"), 4},  // the last time is 1
      {sd_config("DDPMScheduler"), 3},                          // it is 0
      {sd_config("EulerDiscreteScheduler"), 0},
      {sd_config("EulerAncestralDiscreteScheduler"), 4},
      {sd_config("HeunDiscreteScheduler"), 0},
      {sd_config("DPMSolverMultistepScheduler"), 0},
      {sd_config("UniPCMultistepScheduler"), 0},
      {R"({"_class_name": "LCMScheduler"})", 3},
      {R"({"_class_name": "FlowMatchEulerDiscreteScheduler"})", 0},
      {R"({"_class_name": "FlowMatchEulerDiscreteScheduler", "stochastic_sampling": true})", 4},
      {R"({"_class_name": "FlowMatchHeunDiscreteScheduler"})", 0},
  };
  for (const Expected& expected : all) {
    auto scheduler = scheduler_from(expected.config);
    scheduler->set_timesteps(4);
    OneGenerator noise(0);
    at::Tensor x = at::ones({1, 4, 2, 2});
    for (size_t i = 0; i < scheduler->timesteps().size(); ++i) {
      x = scheduler->step(0.1 * x, x, noise).prev;
    }
    EXPECT_EQ(noise.draws, expected.draws) << expected.config;
  }
}

TEST(Scheduler, ImgToImgMayRunWhatAWholeRunCannot) {
  // 1000 steps of the leading spacing with offset 1 begin at time 1000, outside the table.
  auto ddim = scheduler_from(sd_config("DDIMScheduler", R"("steps_offset": 1)"));
  ddim->set_timesteps(1000);
  EXPECT_THROW(ddim->check(), Error);
  ddim->set_begin_index(strength_window(1000, 0.5, 1).begin_index);
  EXPECT_NO_THROW(ddim->check());
}

TEST(Scheduler, StepsOutsideTheTrainingRangeAreUsageErrors) {
  auto euler = scheduler_from(sd_config("EulerDiscreteScheduler"));
  for (const int64_t steps : {0, -3, 1001}) {
    try {
      euler->set_timesteps(steps);
      ADD_FAILURE() << steps;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      EXPECT_THAT(error.what(), ::testing::HasSubstr("euler"));
    }
  }
}

TEST(Scheduler, NoiseFollowsThePosition) {
  // In-painting noises the original to the level of the next call (diffusers' step_index).
  auto euler = scheduler_from(sd_config("EulerDiscreteScheduler"));
  euler->set_timesteps(3);
  const at::Tensor zero = at::zeros({1, 4, 2, 2});
  const at::Tensor one = at::ones({1, 4, 2, 2});
  EXPECT_NEAR(euler->add_noise(zero, one).mean().item<double>(), 14.614641, 1e-5);
  OneGenerator noise(0);
  euler->step(zero, one, noise);
  EXPECT_NEAR(euler->add_noise(zero, one).mean().item<double>(), 1.6155, 1e-3);
}

TEST(Strength, IsTruncatedInDouble) {
  struct Expected {
    int64_t steps;
    double strength;
    int64_t executed, begin;
  };
  for (const Expected& e : std::vector<Expected>{{28, 0.6, 16, 12},
                                                 {30, 0.75, 22, 8},
                                                 {50, 0.75, 37, 13},
                                                 {50, 0.58, 28, 22},
                                                 {10, 1.0, 10, 0},
                                                 {10, 0.05, 0, 10},
                                                 {10, 0.0, 0, 10}}) {
    const StrengthWindow window = strength_window(e.steps, e.strength, 1);
    EXPECT_EQ(window.executed_steps, e.executed) << e.steps << " " << e.strength;
    EXPECT_EQ(window.begin_index, e.begin) << e.steps << " " << e.strength;
    EXPECT_EQ(strength_window(e.steps, e.strength, 2).begin_index, 2 * e.begin);
  }
  for (const Expected& e : std::vector<Expected>{{28, 0.6, 17, 11},
                                                 {30, 0.75, 23, 7},
                                                 {50, 0.75, 38, 12},
                                                 {50, 0.58, 29, 21},
                                                 {10, 1.0, 10, 0},
                                                 {10, 0.05, 1, 9},
                                                 {10, 0.0, 0, 10}}) {
    const StrengthWindow window =
        strength_window(e.steps, e.strength, 1, StrengthRule::kFractional);
    EXPECT_EQ(window.executed_steps, e.executed) << e.steps << " " << e.strength;
    EXPECT_EQ(window.begin_index, e.begin) << e.steps << " " << e.strength;
    EXPECT_EQ(strength_window(e.steps, e.strength, 2, StrengthRule::kFractional).begin_index,
              2 * e.begin);
  }
  EXPECT_THROW(strength_window(10, 1.1, 1), Error);
  EXPECT_THROW(strength_window(10, std::nan(""), 1), Error);
}

}  // namespace
}  // namespace sd
