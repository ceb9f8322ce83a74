// The numbers that diffusers' own tests have (tests/schedulers/test_scheduler_*.py): a dummy model
// on a ramp, run as those tests run it.

#include <gtest/gtest.h>
#include <string>

#include "tests/diffusion/scheduler_support.h"

namespace sd {
namespace {

using testing::OneGenerator;
using testing::scheduler_from;

at::Tensor ramp() {
  return (at::arange(768, at::kFloat) / 768).reshape({3, 8, 8, 4}).permute({3, 0, 1, 2});
}

at::Tensor reversed_ramp() {
  return at::flip(at::arange(768, at::kFloat), {0})
      .div(768)
      .reshape({3, 8, 8, 4})
      .permute({3, 0, 1, 2});
}

/// How the loop of such a test feeds the step.
enum class Fed { kSample, kScaledSample };

struct Upstream {
  std::string config;
  int64_t steps = 10;
  int64_t begin = 0;  ///< above zero: the ramp is noised to this call first
  Fed fed = Fed::kSample;
};

at::Tensor run(const Upstream& test) {
  auto scheduler = scheduler_from(test.config);
  scheduler->set_timesteps(test.steps);
  at::Tensor x = ramp() * scheduler->init_noise_sigma();
  if (test.begin > 0) {
    scheduler->set_begin_index(test.begin);
    x = scheduler->add_noise(x, reversed_ramp());
  }
  OneGenerator noise(0);
  for (size_t i = test.begin; i < scheduler->timesteps().size(); ++i) {
    const double time = scheduler->timesteps()[i];
    const at::Tensor input = scheduler->scale_model_input(x);
    const at::Tensor output = input * time / (time + 1);
    x = scheduler->step(output, test.fed == Fed::kScaledSample ? input : x, noise).prev;
  }
  return x;
}

double sum_of(const Upstream& test) { return at::sum(at::abs(run(test))).item<double>(); }
double mean_of(const Upstream& test) { return at::mean(at::abs(run(test))).item<double>(); }

/// A config of that class with the betas that the tests of all classes but LCM give.
std::string config(const std::string& class_name, const std::string& more = "",
                   const std::string& beta_start = "0.0001", int train_times = 1000) {
  return R"({"_class_name": ")" + class_name + R"(", "num_train_timesteps": )" +
         std::to_string(train_times) + R"(, "beta_start": )" + beta_start +
         R"(, "beta_end": 0.02, "beta_schedule": "linear")" + (more.empty() ? "" : ", " + more) +
         "}";
}

constexpr double kSum = 1e-2;
constexpr double kMean = 1e-3;
constexpr const char* kV = R"("prediction_type": "v_prediction")";

TEST(Upstream, Ddim) {
  const std::string name = "DDIMScheduler";
  EXPECT_NEAR(sum_of({config(name, R"("clip_sample": true)")}), 172.0067, kSum);
  EXPECT_NEAR(sum_of({config(name, kV)}), 52.5302, kSum);
  EXPECT_NEAR(sum_of({config(name, R"("set_alpha_to_one": true)", "0.01")}), 149.8295, kSum);
  EXPECT_NEAR(sum_of({config(name, R"("set_alpha_to_one": false)", "0.01")}), 149.0784, kSum);
  EXPECT_NEAR(sum_of({.config = config(name), .begin = 8}), 354.5418, kSum);
}

TEST(Upstream, Ddpm) {
  const std::string name = "DDPMScheduler";
  EXPECT_NEAR(sum_of({.config = config(name), .steps = 1000}), 258.9606, kSum);
  EXPECT_NEAR(sum_of({.config = config(name, kV), .steps = 1000}), 202.0296, kSum);
  EXPECT_NEAR(sum_of({.config = config(name), .steps = 1000, .begin = 998}), 387.9466, kSum);
}

TEST(Upstream, Pndm) {
  const std::string name = "PNDMScheduler";
  EXPECT_NEAR(sum_of({config(name)}), 198.1318, kSum);
  EXPECT_NEAR(sum_of({config(name, kV)}), 67.3986, kSum);
  EXPECT_NEAR(sum_of({config(name, R"("set_alpha_to_one": true)", "0.01")}), 230.0399, kSum);
  EXPECT_NEAR(sum_of({config(name, R"("set_alpha_to_one": false)", "0.01")}), 186.9482, kSum);
}

Upstream in_sigma_space(const std::string& name, const std::string& more = "", int64_t begin = 0) {
  return {.config = config(name, more, "0.0001", 1100), .begin = begin, .fed = Fed::kScaledSample};
}

TEST(Upstream, Euler) {
  const std::string name = "EulerDiscreteScheduler";
  EXPECT_NEAR(sum_of(in_sigma_space(name)), 10.0807, kSum);
  EXPECT_NEAR(sum_of(in_sigma_space(name, R"("use_karras_sigmas": true)")), 124.522995, kSum);
  EXPECT_NEAR(sum_of(in_sigma_space(name, "", 8)), 57062.9297, kSum);
}

TEST(Upstream, EulerAncestral) {
  const std::string name = "EulerAncestralDiscreteScheduler";
  EXPECT_NEAR(sum_of(in_sigma_space(name)), 152.3192, kSum);
  EXPECT_NEAR(sum_of(in_sigma_space(name, kV)), 108.4439, kSum);
  EXPECT_NEAR(sum_of(in_sigma_space(name, "", 8)), 56163.0508, kSum);
}

TEST(Upstream, Heun) {
  const std::string name = "HeunDiscreteScheduler";
  EXPECT_NEAR(sum_of(in_sigma_space(name)), 0.1233, kSum);
  EXPECT_NEAR(sum_of(in_sigma_space(name, "", 16)), 75074.8906, kSum);  // 8 steps of two calls
}

std::string dpmpp(const std::string& more = "") {
  return config("DPMSolverMultistepScheduler",
                R"("lower_order_final": false, "final_sigmas_type": "sigma_min")" +
                    (more.empty() ? "" : ", " + more));
}

TEST(Upstream, DpmppMultistep) {
  EXPECT_NEAR(mean_of({dpmpp()}), 0.3301, kMean);
  EXPECT_NEAR(mean_of({dpmpp(kV)}), 0.2251, kMean);
  EXPECT_NEAR(mean_of({dpmpp(std::string(kV) + R"(, "use_karras_sigmas": true)")}), 0.2096, kMean);
  EXPECT_NEAR(mean_of({dpmpp(R"("thresholding": true, "dynamic_thresholding_ratio": 0.87,
                                "sample_max_value": 0.5)")}),
              1.1364, kMean);
  EXPECT_NEAR(sum_of({.config = dpmpp(), .begin = 5}), 318.4111, kSum);
}

std::string unipc(const std::string& more = "") {
  return config("UniPCMultistepScheduler",
                R"("solver_type": "bh2", "final_sigmas_type": "sigma_min")" +
                    (more.empty() ? "" : ", " + more));
}

TEST(Upstream, UniPc) {
  const std::string karras = R"("use_karras_sigmas": true)";
  EXPECT_NEAR(mean_of({unipc()}), 0.2464, kMean);
  EXPECT_NEAR(mean_of({unipc(karras)}), 0.2925, kMean);
  EXPECT_NEAR(mean_of({unipc(kV)}), 0.1014, kMean);
  EXPECT_NEAR(mean_of({unipc(std::string(kV) + ", " + karras)}), 0.1966, kMean);
  EXPECT_NEAR(sum_of({.config = unipc(), .begin = 8}), 315.5757, kSum);
}

TEST(Upstream, Lcm) {
  const std::string lcm = R"({"_class_name": "LCMScheduler"})";
  EXPECT_NEAR(sum_of({.config = lcm, .steps = 1}), 18.7097, 1e-3);
  EXPECT_NEAR(sum_of({.config = lcm, .steps = 10}), 197.7616, 1e-3);
}

/// diffusers has no such test; the number was computed with the dummy model of the others.
TEST(Upstream, FlowEuler) {
  const std::string flow = R"({"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0})";
  EXPECT_NEAR(sum_of({flow}), 129.3495, 1e-3);
}

}  // namespace
}  // namespace sd
