#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "sd/sampler_names.h"

#include "core/config_limits.h"
#include "tests/diffusion/scheduler_support.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace sd {
namespace {

using testing::config_from;
using ::testing::HasSubstr;
using testing::scheduler_from;
using ::testing::StartsWith;

/// The value of a key in a fixture, by the type that the class gives the key.
ConfigValue read_value(ConfigReader& json, const ConfigKey& key) {
  if (!json.has(key.name)) return {};
  switch (key.type) {
    case ConfigKey::Type::kBool: return json.get_bool(key.name, false);
    case ConfigKey::Type::kInt: return json.get_int(key.name, 0, kStepsRange);
    case ConfigKey::Type::kDouble: return json.get_double(key.name, 0, kAnyRange);
    case ConfigKey::Type::kString: return json.get_string(key.name, "");
    case ConfigKey::Type::kList: return json.get_doubles(key.name, {}, kAnyRange);
  }
  return {};
}

TEST(SchedulerConfig, DefaultsAreThoseOfTheClasses) {
  ConfigReader json = ConfigReader::from_file(SD_TEST_DATA "/schedulers/swaps.json");
  ConfigReader classes = json.get_object("defaults");
  int compared = 0;
  for (const std::string& name : classes.keys()) {
    ConfigReader expected = classes.get_object(name);
    const SchedulerConfig config = config_from(R"({"_class_name": ")" + name + R"("})");
    for (const ConfigKey& key : config.scheduler_class().keys) {
      if (key.name == "lambda_min_clipped") continue;  // -infinity, which JSON does not have
      EXPECT_EQ(config.value(key.name), read_value(expected, key)) << name << " " << key.name;
      ++compared;
    }
    expected.finish();  // no key of the class is missing here
  }
  EXPECT_EQ(classes.keys().size(), 11);
  EXPECT_GT(compared, 150);
}

TEST(SchedulerConfig, SwapsAreThoseOfFromConfig) {
  ConfigReader json = ConfigReader::from_file(SD_TEST_DATA "/schedulers/swaps.json");
  ConfigReader folders = json.get_object("folders");
  ConfigReader classes = json.get_object("defaults");
  ConfigReader swaps = json.get_object("swaps");
  for (const std::string& name : swaps.keys()) {
    SCOPED_TRACE(name);
    const size_t arrow = name.find('>');
    ConfigReader folder = folders.get_object(name.substr(0, arrow));
    SchedulerConfig config = read_scheduler_config(folder.get_object("config"));
    if (folder.get_bool("patch", false)) patch_for_stable_diffusion(config);
    const std::string sampler = name.substr(arrow + 1);
    config = swap_scheduler(config, {.name = sampler, .sigmas = "", .spacing = ""});

    ConfigReader expected = swaps.get_object(name);
    ConfigReader values = expected.get_object("values");
    ConfigReader defaults = classes.get_object(config.class_name());
    for (const ConfigKey& key : config.scheduler_class().keys) {
      if (key.name == "lambda_min_clipped") continue;
      EXPECT_EQ(config.value(key.name), read_value(values.has(key.name) ? values : defaults, key))
          << key.name;
    }
    auto scheduler = make_scheduler(config);
    scheduler->set_timesteps(10);
    const std::vector<double> times = expected.get_doubles("times", {}, kAnyRange);
    ASSERT_EQ(scheduler->timesteps().size(), times.size());
    for (size_t i = 0; i < times.size(); ++i) {
      EXPECT_NEAR(scheduler->timesteps()[i], times[i], 1e-3) << i;
    }
  }
  EXPECT_EQ(swaps.keys().size(), 220 + 10);  // 22 folders of 10 samplers, 5 flows of 2
}

TEST(SchedulerConfig, EveryNameMakesItsSampler) {
  const SchedulerConfig diffusion = config_from(R"({"_class_name": "PNDMScheduler"})");
  const SchedulerConfig flow = config_from(R"({"_class_name": "FlowMatchHeunDiscreteScheduler"})");
  for (const std::string& name : sampler_names()) {
    const SchedulerConfig config = swap_scheduler(name.starts_with("flow_") ? flow : diffusion,
                                                  {.name = name, .sigmas = "", .spacing = ""});
    EXPECT_EQ(sampler_name(config), name);
    EXPECT_NE(make_scheduler(config), nullptr);
  }
  // The command line checks names without the engine: its list is this one.
  std::vector<std::string> offered;
  for (const SamplerName& sampler : kSamplerNames) offered.emplace_back(sampler.name);
  EXPECT_EQ(sampler_names(), offered);
}

TEST(SchedulerConfig, PatchedDefaultIsForgottenInASwap) {
  SchedulerConfig config = config_from(R"({"_class_name": "DDIMScheduler"})");
  patch_for_stable_diffusion(config);
  EXPECT_EQ(config.get_int("steps_offset"), 1);
  EXPECT_FALSE(config.get_bool("clip_sample"));
  const SchedulerConfig swapped =
      swap_scheduler(config, {.name = "ddpm", .sigmas = "", .spacing = ""});
  EXPECT_EQ(swapped.get_int("steps_offset"), 0);
  EXPECT_TRUE(swapped.get_bool("clip_sample"));
}

TEST(SchedulerConfig, KeysOfOtherClassesWaitForASwapBack) {
  const SchedulerConfig lcm =
      config_from(R"({"_class_name": "LCMScheduler", "original_inference_steps": 100})");
  const SchedulerConfig euler =
      swap_scheduler(lcm, {.name = "euler", .sigmas = "karras", .spacing = ""});
  EXPECT_FALSE(euler.has("original_inference_steps"));
  const SchedulerConfig back =
      swap_scheduler(euler, {.name = "lcm", .sigmas = "", .spacing = "trailing"});
  EXPECT_EQ(back.get_int("original_inference_steps"), 100);
  EXPECT_EQ(back.get_string("timestep_spacing"), "trailing");
}

TEST(SchedulerConfig, ModelIndexWinsOverTheFilesOwnClass) {
  const auto read = [](const std::string& json) {
    return read_scheduler_config(ConfigReader::from_text(json, "s"),
                                 {"DDIMScheduler", "model_index.json", ""});
  };
  const SchedulerConfig other = read(R"({"_class_name": "PNDMScheduler", "clip_sample": false})");
  EXPECT_EQ(other.class_name(), "DDIMScheduler");
  EXPECT_FALSE(other.get_bool("clip_sample"));
  EXPECT_EQ(other.name().overruled, "PNDMScheduler");
  EXPECT_EQ(read(R"({"_class_name": "DDIMScheduler"})").name().overruled, "");
  EXPECT_EQ(read("{}").name().overruled, "");
}

TEST(SchedulerConfig, AnUnknownClassIsReportedUnderTheFileThatNamesIt) {
  const auto error = [](const SchedulerName& index) {
    ConfigReader reader = ConfigReader::from_text(R"({"_class_name": "A"})", "s.json");
    return error_of([&] { make_scheduler(read_scheduler_config(std::move(reader), index)); });
  };
  EXPECT_THAT(error({"B", "index.json", ""}), StartsWith("index.json: the scheduler class 'B'"));
  EXPECT_THAT(error({}), StartsWith("s.json: the scheduler class 'A'"));
}

TEST(SchedulerConfig, NumbersBeyondReasonAreRefusedWhenTheyAreRead) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"num_train_timesteps", "2000000000"},
      {"num_train_timesteps", "1"},
      {"num_train_timesteps", "-1000"},
      {"num_train_timesteps", "1e400"},
      {"beta_start", "-0.1"},
      {"beta_end", "1.5"},
      {"beta_end", "1e400"},
      {"trained_betas", "[0.1, 2]"},
      {"steps_offset", "-1"},
      {"steps_offset", "1000000000000"},
      {"clip_sample_range", "0"},
      {"sample_max_value", "1e300"},
      {"dynamic_thresholding_ratio", "7"},
      {"original_inference_steps", "1000000000"},
      {"timestep_scaling", "-10"},
      {"sigma_min", "-1"},
      {"sigma_max", "1e38"},
      {"solver_order", "1000000000"},
      {"flow_shift", "0"},
      {"shift", "0"},
      {"shift", "-3"},
      {"max_shift", "1e300"},
      {"shift_terminal", "1.5"},
      {"max_image_seq_len", "-1"},
      {"disable_corrector", "[-1]"},
  };
  for (const auto& [key, value] : cases) {
    const std::string json = R"({"_class_name": "DDIMScheduler", ")" + key + R"(": )" + value + "}";
    const std::string expected = "scheduler_config.json: '" + key + "' should be";
    EXPECT_THAT(error_of([&] { config_from(json); }), StartsWith(expected)) << value;
  }
}

TEST(SchedulerConfig, InfinityOfPythonsJsonIsRead) {
  const TemporaryFolder folder;
  const SchedulerConfig config =
      load_scheduler_config(folder.write("s.json", R"({"_class_name": "DPMSolverMultistepScheduler",
      "lambda_min_clipped": -Infinity, "beta_schedule": "linear"})"));
  EXPECT_LT(config.get_double("lambda_min_clipped"), -1e300);
  auto scheduler = make_scheduler(config);
  scheduler->set_timesteps(4);
  EXPECT_EQ(scheduler->timesteps().front(), 999);
}

TEST(SchedulerConfig, UnknownKeyIsAnError) {
  EXPECT_THAT(error_of([] { config_from(R"({"_class_name": "DDIMScheduler", "zeta": 3})"); },
                       ErrorKind::kModel),
              HasSubstr("zeta"));
  EXPECT_NO_THROW(config_from(R"({"_class_name": "DDIMScheduler", "base_shift": 0.5})"));
  EXPECT_NO_THROW(config_from(R"({"_class_name": "DDIMScheduler", "zeta": null})"));
}

TEST(SchedulerConfig, UnknownClassServesToSwapAwayFrom) {
  const SchedulerConfig config =
      config_from(R"({"_class_name": "LMSDiscreteScheduler", "beta_start": 0.5})");
  EXPECT_THAT(error_of([&] { make_scheduler(config); }, ErrorKind::kModel),
              HasSubstr("LMSDiscreteScheduler"));
  const SchedulerConfig euler =
      swap_scheduler(config, {.name = "euler", .sigmas = "", .spacing = ""});
  EXPECT_EQ(euler.get_double("beta_start"), 0.5);
  EXPECT_NO_THROW(make_scheduler(euler));
}

TEST(SchedulerConfig, UnsupportedValuesNameKeyAndValue) {
  struct Refusal {
    std::string class_name, key, value;
  };
  const std::vector<Refusal> refusals = {
      {"DDIMScheduler", "beta_schedule", R"("sigmoid")"},
      {"DDIMScheduler", "prediction_type", R"("flow_prediction")"},
      {"DDIMScheduler", "timestep_spacing", R"("middle")"},
      {"DDPMScheduler", "variance_type", R"("fixed_large_log")"},
      {"PNDMScheduler", "prediction_type", R"("sample")"},
      {"EulerDiscreteScheduler", "interpolation_type", R"("cubic")"},
      {"EulerAncestralDiscreteScheduler", "prediction_type", R"("sample")"},
      {"DPMSolverMultistepScheduler", "algorithm_type", R"("sde-dpmsolver++")"},
      {"DPMSolverMultistepScheduler", "use_lu_lambdas", "true"},
      {"DPMSolverMultistepScheduler", "use_flow_sigmas", "true"},
      {"DPMSolverMultistepScheduler", "solver_order", "4"},
      {"DPMSolverMultistepScheduler", "variance_type", R"("learned_range")"},
      {"UniPCMultistepScheduler", "solver_type", R"("bh3")"},
      {"UniPCMultistepScheduler", "use_dynamic_shifting", "true"},
      {"LCMScheduler", "original_inference_steps", "2000"},
      {"FlowMatchEulerDiscreteScheduler", "use_dynamic_shifting", "true"},
      {"FlowMatchEulerDiscreteScheduler", "time_shift_type", R"("cubic")"},
      {"FlowMatchHeunDiscreteScheduler", "use_dynamic_shifting", "true"},
  };
  for (const Refusal& r : refusals) {
    const std::string json =
        R"({"_class_name": ")" + r.class_name + R"(", ")" + r.key + R"(": )" + r.value + "}";
    const std::string message = error_of([&] { scheduler_from(json); }, ErrorKind::kModel);
    EXPECT_THAT(message, HasSubstr(r.key));
    EXPECT_THAT(message, HasSubstr(r.value));
  }
}

TEST(SchedulerConfig, OnlyOneCurveOfSigmas) {
  for (const char* name :
       {"EulerDiscreteScheduler", "HeunDiscreteScheduler", "DPMSolverMultistepScheduler",
        "UniPCMultistepScheduler", "FlowMatchEulerDiscreteScheduler"}) {
    const std::string json = std::string(R"({"_class_name": ")") + name +
                             R"(", "use_karras_sigmas": true, "use_beta_sigmas": true})";
    EXPECT_EQ(error_of([&] { scheduler_from(json); }, ErrorKind::kModel),
              "scheduler_config.json: expected at most one of 'use_karras_sigmas' and "
              "'use_beta_sigmas' to be true, found both");
  }
}

TEST(SchedulerConfig, PredictionName) {
  const auto name_of = [](const std::string& json) { return prediction_name(config_from(json)); };
  EXPECT_EQ(name_of(R"({"_class_name": "FlowMatchEulerDiscreteScheduler"})"), "flow");
  EXPECT_EQ(name_of(R"({"_class_name": "FlowMatchHeunDiscreteScheduler",
                        "prediction_type": "epsilon"})"),
            "flow");
  EXPECT_EQ(name_of(R"({"_class_name": "DDIMScheduler"})"), "epsilon");
  EXPECT_EQ(name_of(R"({"_class_name": "DDIMScheduler", "prediction_type": "v_prediction"})"),
            "v_prediction");
}

TEST(SchedulerConfig, WrongTypeIsAnError) {
  EXPECT_THAT(
      error_of([] { config_from(R"({"_class_name": "DDIMScheduler", "steps_offset": "1"})"); },
               ErrorKind::kModel),
      HasSubstr("steps_offset"));
}

TEST(SamplerChoice, WrongNamesAreUsageErrors) {
  const SchedulerConfig config = config_from(R"({"_class_name": "PNDMScheduler"})");
  const auto swap = [&](const SamplerChoice& choice) {
    return error_of([&] { swap_scheduler(config, choice); }, ErrorKind::kUsage);
  };
  EXPECT_THAT(swap({.name = "eulr", .sigmas = "", .spacing = ""}), HasSubstr("dpmpp_2m"));
  EXPECT_EQ(swap({.name = "", .sigmas = "kerras", .spacing = ""}),
            "--sigmas: expected karras, exponential or beta, found 'kerras'");
  EXPECT_EQ(swap({.name = "", .sigmas = "beta", .spacing = ""}),
            "--sigmas beta: the sampler 'pndm' does not have this option");
  EXPECT_THAT(swap({.name = "ddim", .sigmas = "karras", .spacing = ""}), HasSubstr("ddim"));
  EXPECT_THAT(swap({.name = "", .sigmas = "", .spacing = "even"}), HasSubstr("even"));
}

TEST(SamplerChoice, SigmasWinOverTheFoldersSigmas) {
  const std::vector<std::string> curves = {"karras", "exponential", "beta"};
  for (const char* name : {"EulerDiscreteScheduler", "FlowMatchEulerDiscreteScheduler"}) {
    for (const std::string& own : curves) {
      const SchedulerConfig config = config_from(std::string(R"({"_class_name": ")") + name +
                                                 R"(", "use_)" + own + R"(_sigmas": true})");
      for (const std::string& chosen : curves) {
        const SchedulerConfig swapped =
            swap_scheduler(config, {.name = "", .sigmas = chosen, .spacing = ""});
        for (const std::string& curve : curves) {
          EXPECT_EQ(swapped.get_bool("use_" + curve + "_sigmas"), curve == chosen) << own;
        }
        EXPECT_NO_THROW(make_scheduler(swapped));
      }
    }
  }
}

TEST(SamplerChoice, ASamplerFitsItsKindOfModel) {
  const auto swap = [&](const char* folder, const std::string& sampler) {
    const SchedulerConfig config =
        config_from(std::string(R"({"_class_name": ")") + folder + "\"}");
    return error_of([&] { swap_scheduler(config, {.name = sampler, .sigmas = "", .spacing = ""}); },
                    ErrorKind::kUsage);
  };
  // The last one is not implemented here and serves to swap away from.
  for (const char* flow : {"FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler",
                           "FlowMatchLCMScheduler"}) {
    EXPECT_EQ(swap(flow, "ddim"),
              "--sampler: this model is a rectified flow, expected flow_euler or flow_heun, found "
              "ddim");
  }
  for (const char* folder : {"PNDMScheduler", "UniPCMultistepScheduler", "LMSDiscreteScheduler"}) {
    EXPECT_EQ(swap(folder, "flow_heun"),
              "--sampler: this model is not a rectified flow, expected ddim, plms, pndm, ddpm, "
              "euler, euler_a, heun, dpmpp_2m, unipc or lcm, found flow_heun");
  }
}

}  // namespace
}  // namespace sd
