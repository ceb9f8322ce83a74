#include "jobs/sampler_names.h"

#include <gtest/gtest.h>
#include <map>
#include <string>
#include <vector>

namespace sd {
namespace {

TEST(FindSampler, KnowsItsOwnNamesAndThoseInPictures) {
  for (const std::string_view name : sampler_choices()) {
    EXPECT_EQ(find_sampler(name), name);
    EXPECT_EQ(find_sampler(sampler_display_name(name)), name) << sampler_display_name(name);
  }
}

TEST(FindSampler, KnowsWhatOtherProgramsCallThem) {
  const std::map<std::string, std::vector<std::string>> names = {
      {"euler", {"Euler", "k_euler", "K-EULER", "sample_euler", "EulerDiscreteScheduler"}},
      {"euler_a",
       {"Euler_a", "euler-a", "Euler a", "eulera", "euler ancestral", "euler_ancestral",
        "k_euler_a", "k_euler_ancestral", "sample_euler_ancestral",
        "EulerAncestralDiscreteScheduler"}},
      {"dpmpp_2m",
       {"DPM++ 2M", "dpm++_2m", "dpmpp-2m", "dpmpp2m", "k_dpmpp_2m", "DPM-Solver++(2M)"}},
      {"heun", {"k_heun", "Heun", "HeunDiscreteScheduler"}},
      {"unipc", {"UniPC", "uni_pc", "UniPCMultistepScheduler"}},
      {"ddim", {"DDIM", "DDIMScheduler"}},
      {"ddpm", {"DDPM", "DDPMScheduler"}},
      {"plms", {"PLMS"}},
      {"lcm", {"LCM", "LCMScheduler"}},
      {"flow_euler", {"Flow Euler", "flow-euler", "FLOWEULER", "FlowMatchEulerDiscreteScheduler"}},
      {"flow_heun", {"Flow Heun", "flow-heun", "FlowMatchHeunDiscreteScheduler"}}};
  for (const auto& [name, others] : names) {
    for (const std::string& other : others) EXPECT_EQ(find_sampler(other), name) << other;
  }
}

TEST(FindSampler, FindsNothingForOtherSamplersAndNamesOfSeveral) {
  for (const char* name : {"",
                           "k",
                           "k_",
                           "a",
                           "lms",
                           "k_lms",
                           "dpm2",
                           "dpm++",
                           "dpmpp_2s",
                           "dpmpp_sde",
                           "DPM++ 2M SDE",
                           "DPM++ 2M Karras",
                           "euler_b",
                           "ddim2",
                           "karras",
                           "flow",
                           "flow_ddim",
                           "DPMSolverMultistepScheduler",
                           "uni_pc_bh2",
                           "euler,ddim"}) {
    EXPECT_FALSE(find_sampler(name)) << name;
  }
}

}  // namespace
}  // namespace sd
