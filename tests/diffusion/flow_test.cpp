// The samplers of rectified flows beyond whole runs, which oracle_test.cpp compares.

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "tests/diffusion/scheduler_support.h"
#include "tests/support/errors.h"

namespace sd {
namespace {

using testing::config_from;
using ::testing::HasSubstr;
using testing::OneGenerator;
using testing::scheduler_from;

std::string euler_with(const std::string& keys) {
  return R"({"_class_name": "FlowMatchEulerDiscreteScheduler", )" + keys + "}";
}

std::vector<double> times(const std::string& config, int64_t steps) {
  auto scheduler = scheduler_from(config);
  scheduler->set_timesteps(steps);
  return scheduler->timesteps();
}

TEST(Flow, ShiftsTwice) {
  // Of Stable Diffusion 3, printed by diffusers: shifted once, the last of 28 would be 2.994.
  const auto of_28 = times(euler_with(R"("shift": 3.0)"), 28);
  ASSERT_EQ(of_28.size(), 28);
  EXPECT_EQ(of_28[0], 1000.0);
  EXPECT_NEAR(of_28[1], 987.38063, 1e-4);
  EXPECT_NEAR(of_28[26], 110.90573, 1e-4);
  EXPECT_NEAR(of_28[27], 8.92857, 1e-4);
  const auto of_4 = times(euler_with(R"("shift": 3.0)"), 4);
  EXPECT_NEAR(of_4[1], 857.69231, 1e-4);
  EXPECT_NEAR(of_4[2], 602.15054, 1e-4);
}

TEST(Flow, HeunCallsAllButTheFirstTimeTwice) {
  const auto heun = times(R"({"_class_name": "FlowMatchHeunDiscreteScheduler"})", 3);
  const auto middle = ::testing::DoubleNear(500.5, 1e-3);
  const auto last = ::testing::DoubleNear(1.0, 1e-3);
  EXPECT_THAT(heun, ::testing::ElementsAre(1000.0, middle, middle, last, last));
  EXPECT_EQ(heun[1], heun[2]);
}

TEST(Flow, StartsAtUnitNoiseAndScalesNoInput) {
  for (const char* name : {"FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler"}) {
    auto scheduler = scheduler_from(std::string(R"({"_class_name": ")") + name + "\"}");
    scheduler->set_timesteps(4);
    EXPECT_EQ(scheduler->init_noise_sigma(), 1.0);
    const at::Tensor x = at::randn({1, 4, 2, 2});
    EXPECT_TRUE(at::equal(scheduler->scale_model_input(x), x));
  }
}

TEST(Flow, OnlyHeunHasOrderTwo) {
  EXPECT_EQ(scheduler_from(euler_with(R"("shift": 3)"))->order(), 1);
  EXPECT_EQ(scheduler_from(R"({"_class_name": "FlowMatchHeunDiscreteScheduler"})")->order(), 2);
}

TEST(Flow, AStraightPathIsFollowedToItsEnd) {
  // Of the velocity noise - x0 every step predicts x0, and the run ends there.
  const at::Tensor x0 = at::sin(at::arange(16, at::kFloat)).reshape({1, 4, 2, 2});
  const at::Tensor noise = at::cos(at::arange(16, at::kFloat)).reshape({1, 4, 2, 2});
  for (const std::string& config : {euler_with(R"("shift": 3.0)"), std::string(R"({"_class_name":
        "FlowMatchHeunDiscreteScheduler", "shift": 3.0})")}) {
    auto scheduler = scheduler_from(config);
    scheduler->set_timesteps(5);
    at::Tensor x = noise;
    OneGenerator unused(0);
    for (size_t i = 0; i < scheduler->timesteps().size(); ++i) {
      const StepOutput out = scheduler->step(noise - x0, x, unused);
      EXPECT_TRUE(at::allclose(out.pred_x0, x0, 1e-5, 1e-5)) << config << i;
      x = out.prev;
    }
    EXPECT_TRUE(at::allclose(x, x0, 1e-5, 1e-5));
  }
}

TEST(Flow, TheResultHasTheOutputsType) {
  auto scheduler = scheduler_from(euler_with(R"("shift": 3.0)"));
  scheduler->set_timesteps(4);
  OneGenerator noise(0);
  const StepOutput out =
      scheduler->step(at::ones({1, 4, 2, 2}).to(at::kBFloat16), at::ones({1, 4, 2, 2}), noise);
  EXPECT_EQ(out.prev.scalar_type(), at::kBFloat16);
  EXPECT_EQ(out.pred_x0.scalar_type(), at::kFloat);
}

TEST(Flow, ADynamicShiftGrowsWithThePicture) {
  const SchedulerConfig config = config_from(euler_with(R"("use_dynamic_shifting": true)"));
  const auto second_time = [&](int64_t tokens) {
    auto scheduler = make_scheduler(config, {.eta = 0, .image_tokens = tokens});
    scheduler->set_timesteps(10);
    return scheduler->timesteps()[1];
  };
  EXPECT_LT(second_time(256), second_time(1024));
  EXPECT_LT(second_time(1024), second_time(4096));
}

TEST(Flow, ADynamicShiftNeedsImageTokensAndALine) {
  const SchedulerConfig dynamic = config_from(euler_with(R"("use_dynamic_shifting": true)"));
  EXPECT_EQ(error_of([&] { make_scheduler(dynamic); }, ErrorKind::kModel),
            "scheduler_config.json: 'use_dynamic_shifting' = true is not supported for a model "
            "without image tokens");
  const SchedulerConfig point =
      config_from(euler_with(R"("use_dynamic_shifting": true, "max_image_seq_len": 256)"));
  EXPECT_THAT(
      error_of([&] { make_scheduler(point, {.eta = 0, .image_tokens = 64}); }, ErrorKind::kModel),
      HasSubstr("'max_image_seq_len' = 256"));
}

TEST(Flow, HeunDoesNotTakeTheDynamicShiftOfAFolder) {
  const SchedulerConfig folder = config_from(euler_with(R"("use_dynamic_shifting": true)"));
  const SchedulerConfig heun =
      swap_scheduler(folder, {.name = "flow_heun", .sigmas = "", .spacing = ""});
  EXPECT_EQ(error_of([&] { make_scheduler(heun); }, ErrorKind::kModel),
            "scheduler_config.json: 'use_dynamic_shifting' = true is not supported for "
            "FlowMatchHeunDiscreteScheduler");
}

TEST(Flow, HasNoSpacingAndHeunNoCurves) {
  const SchedulerConfig config = config_from(euler_with(R"("shift": 3.0)"));
  const auto swap = [&](const SamplerChoice& choice) {
    return error_of([&] { swap_scheduler(config, choice); }, ErrorKind::kUsage);
  };
  EXPECT_EQ(swap({.name = "", .sigmas = "", .spacing = "trailing"}),
            "--spacing trailing: the sampler 'flow_euler' does not have this option");
  EXPECT_EQ(swap({.name = "flow_heun", .sigmas = "beta", .spacing = ""}),
            "--sigmas beta: the sampler 'flow_heun' does not have this option");
}

TEST(Flow, WhatHasNoFiniteSigmasIsRefusedBeforeTheFirstCall) {
  auto scheduler = scheduler_from(euler_with(R"("shift_terminal": 0.1)"));
  scheduler->set_timesteps(1);
  EXPECT_THAT(error_of([&] { scheduler->check(); }, ErrorKind::kUsage),
              ::testing::AllOf(HasSubstr("--steps 1 with --sampler flow_euler"),
                               HasSubstr("(another number of steps may do)")));
}

}  // namespace
}  // namespace sd
