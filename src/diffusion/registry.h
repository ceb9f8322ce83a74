#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/config_reader.h"
#include "diffusion/scheduler.h"
#include "diffusion/scheduler_config.h"

namespace sd {

/// What the user chose in place of the folder's scheduler; empty strings keep what the config says.
struct SamplerChoice {
  std::string name;           ///< one of `sampler_names()`
  std::string sigmas;         ///< "karras", "exponential" or "beta"
  std::string spacing;        ///< "leading", "linspace" or "trailing"
  std::string variance = {};  ///< of DDPM: "fixed_small", "fixed_small_log", "fixed_large" or
                              ///< "learned_range"
};

/// The names of --sampler.
std::vector<std::string> sampler_names();

/// The name of --sampler that stands for this config's class; the class where there is none.
std::string sampler_name(const SchedulerConfig& config);

/// What the network's output stands for: "epsilon", "v_prediction", "sample", or "flow" under the
/// samplers of rectified flows.
std::string prediction_name(const SchedulerConfig& config);

/// Reads a scheduler_config.json. `index` is the class that model_index.json names, which wins over
/// the file's own, as in diffusers (pipeline_loading_utils.py, `load_sub_model`); empty where there
/// is no model_index.json.
/// Errors: kModel for an unreadable file, a value of the wrong type or beyond its range, or an
/// unknown key.
SchedulerConfig load_scheduler_config(const std::filesystem::path& path,
                                      const SchedulerName& index = {});

/// The same for JSON that has been read already.
SchedulerConfig read_scheduler_config(ConfigReader reader, const SchedulerName& index = {});

/// What diffusers' SD1 and SD2 pipelines (text to image, img2img, inpainting) do to the config of
/// the scheduler that they get: steps_offset becomes 1, clip_sample false. A patched key that was a
/// default still counts as one, so a later swap forgets the patch (pipeline_stable_diffusion.py).
void patch_for_stable_diffusion(SchedulerConfig& config);

/// diffusers' `X.from_config(scheduler.config, **overrides)`: the given keys stay, the defaults of
/// the new class fill in. Errors: kUsage for a sampler, sigmas or spacing that does not exist or
/// that the sampler does not have, and for a sampler of another kind of model.
SchedulerConfig swap_scheduler(const SchedulerConfig& config, const SamplerChoice& choice);

/// Errors: kModel naming key and value where the config asks for something unsupported; kUsage for
/// bad options.
std::unique_ptr<Scheduler> make_scheduler(const SchedulerConfig& config,
                                          const SamplerOptions& options = {});

}  // namespace sd
