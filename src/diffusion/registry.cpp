#include "diffusion/registry.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <optional>
#include <utility>

#include "core/check.h"
#include "core/config_limits.h"
#include "core/model_file.h"

namespace sd {

namespace {

/// A name of --sampler: a class, and what the name fixes in its config.
struct Sampler {
  std::string name;
  SchedulerClass scheduler_class;
  std::vector<std::pair<std::string, ConfigValue>> fixed;
};

const std::vector<Sampler>& samplers() {
  static const std::vector<Sampler> kTable = {
      {"ddim", ddim_class(), {}},
      {"plms", pndm_class(), {{"skip_prk_steps", true}}},
      {"pndm", pndm_class(), {}},
      {"ddpm", ddpm_class(), {}},
      {"euler", euler_class(), {}},
      {"euler_a", euler_ancestral_class(), {}},
      {"heun", heun_class(), {}},
      {"dpmpp_2m", dpmpp_multistep_class(), {}},
      {"unipc", unipc_class(), {}},
      {"lcm", lcm_class(), {}},
      {"flow_euler", flow_euler_class(), {}},
      {"flow_heun", flow_heun_class(), {}},
  };
  return kTable;
}

/// Keys of scheduler classes beyond those of this table; they cannot change what ours compute.
const std::vector<std::string>& foreign_keys() {
  static const std::vector<std::string> kKeys = {
      "noise_sampler_seed",  // DPMSolverSDEScheduler
      "sigma_data",          // EDMEulerScheduler
      "sigma_schedule",      // EDMEulerScheduler
      "rho",                 // EDMEulerScheduler
      "tensor_format",       // diffusers before 0.3: numpy or torch
  };
  return kKeys;
}

const SchedulerClass* find_class(const std::string& name) {
  for (const Sampler& sampler : samplers()) {
    if (sampler.scheduler_class.name == name) return &sampler.scheduler_class;
  }
  return nullptr;
}

/// What any of our classes takes the key for.
std::optional<ConfigKey::Type> key_type(const std::string& key) {
  for (const Sampler& sampler : samplers()) {
    if (const ConfigKey* known = find_key(sampler.scheduler_class, key)) return known->type;
  }
  return {};
}

/// The bounds of a whole number; all of them count steps, times or orders.
IntRange int_range(const std::string& key) {
  return key == "num_train_timesteps" ? IntRange{2, kStepsRange.most} : kStepsRange;
}

/// The bounds of a number, or of each number of a list.
RealRange real_range(const std::string& key) {
  static const std::map<std::string, RealRange> kRanges = {
      {"beta_start", kPartRange},
      {"beta_end", kPartRange},
      {"trained_betas", kPartRange},
      {"dynamic_thresholding_ratio", kPartRange},
      {"clip_sample_range", kFactorRange},
      {"sample_max_value", kFactorRange},
      {"sigma_min", kFactorRange},
      {"sigma_max", kFactorRange},
      {"timestep_scaling", kFactorRange},
      {"flow_shift", kFactorRange},
      {"shift", kFactorRange},
      {"base_shift", kOffsetRange},
      {"max_shift", kOffsetRange},
      {"shift_terminal", kPartRange},
      {"disable_corrector", {0, static_cast<double>(kStepsRange.most)}},
  };
  const auto found = kRanges.find(key);  // others may be anything: lambda_min_clipped is -infinity
  return found == kRanges.end() ? kAnyRange : found->second;
}

ConfigValue read_value(ConfigReader& reader, const std::string& key, ConfigKey::Type type) {
  switch (type) {
    case ConfigKey::Type::kBool: return reader.get_bool(key, false);
    case ConfigKey::Type::kInt: return reader.get_int(key, 0, int_range(key));
    case ConfigKey::Type::kDouble: return reader.get_double(key, 0, real_range(key));
    case ConfigKey::Type::kString: return reader.get_string(key, "");
    case ConfigKey::Type::kList: return reader.get_doubles(key, {}, real_range(key));
  }
  return {};
}

/// Python's json writes infinities as bare words, which are not JSON; diffusers' own files have
/// "lambda_min_clipped": -Infinity. The largest double stands for them.
std::string without_infinities(const std::string& text) {
  static const std::string kWord = "Infinity";
  std::string out;
  bool in_string = false;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"') in_string = !in_string;
    if (in_string && text[at] == '\\' && at + 1 < text.size()) out += text[at++];
    if (!in_string && text.compare(at, kWord.size(), kWord) == 0) {
      out += "1.7976931348623157e308";
      at += kWord.size() - 1;
    } else {
      out += text[at];
    }
  }
  return out;
}

/// "a, b or c".
std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    text += (i == 0 ? "" : i + 1 < words.size() ? ", " : " or ") + words[i];
  }
  return text;
}

/// What the model is whose folder has this scheduler. Of a class that is not implemented here the
/// name tells: diffusers calls those of rectified flows FlowMatch….
ModelKind model_kind(const SchedulerConfig& config) {
  if (const SchedulerClass* known = find_class(config.class_name())) return known->fits;
  return config.class_name().starts_with("FlowMatch") ? ModelKind::kFlow : ModelKind::kDiffusion;
}

std::vector<std::string> samplers_for(ModelKind kind) {
  std::vector<std::string> names;
  for (const Sampler& sampler : samplers()) {
    if (sampler.scheduler_class.fits == kind) names.push_back(sampler.name);
  }
  return names;
}

/// The sampler of that name. Errors: kUsage where there is none, or where it does not fit the model
/// that `config` belongs to.
const Sampler& find_sampler(const std::string& name, const SchedulerConfig& config) {
  const auto& table = samplers();
  const auto sampler =
      std::find_if(table.begin(), table.end(), [&](const Sampler& s) { return s.name == name; });
  SD_CHECK(sampler != table.end(), ErrorKind::kUsage, "--sampler: expected ",
           joined(sampler_names()), ", found '", name, "'");
  const ModelKind kind = model_kind(config);
  SD_CHECK(sampler->scheduler_class.fits == kind, ErrorKind::kUsage, "--sampler: this model is ",
           kind == ModelKind::kFlow ? "a" : "not a", " rectified flow, expected ",
           joined(samplers_for(kind)), ", found ", name);
  return *sampler;
}

void override_key(SchedulerConfig& config, const std::string& key, const std::string& flag,
                  ConfigValue value) {
  SD_CHECK(find_key(config.scheduler_class(), key), ErrorKind::kUsage, flag, ": the sampler '",
           sampler_name(config), "' does not have this option");
  config.set(key, std::move(value));
}

/// Errors: kUsage where there are no sigmas of that name or the sampler does not have them.
void choose_sigmas(SchedulerConfig& config, const std::string& sigmas) {
  const std::vector<std::string> curves = {"karras", "exponential", "beta"};
  SD_CHECK(std::find(curves.begin(), curves.end(), sigmas) != curves.end(), ErrorKind::kUsage,
           "--sigmas: expected ", joined(curves), ", found '", sigmas, "'");
  for (const char* rival : {"use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas",
                            "use_lu_lambdas", "use_flow_sigmas"}) {
    if (config.has(rival) && config.get_bool(rival)) config.set(rival, false);
  }
  override_key(config, "use_" + sigmas + "_sigmas", "--sigmas " + sigmas, true);
}

/// Errors: kUsage where there is no variance of that name or the sampler has no choice of it.
void choose_variance(SchedulerConfig& config, const std::string& variance) {
  const std::vector<std::string> known = {"fixed_small", "fixed_small_log", "fixed_large",
                                          "learned_range"};
  SD_CHECK(std::find(known.begin(), known.end(), variance) != known.end(), ErrorKind::kUsage,
           "--variance: expected ", joined(known), ", found '", variance, "'");
  SD_CHECK(sampler_name(config) == "ddpm", ErrorKind::kUsage, "--variance ", variance,
           ": only the sampler ddpm has a choice of it, the sampler is ", sampler_name(config));
  config.set("variance_type", variance);
}

}  // namespace

std::vector<std::string> sampler_names() {
  std::vector<std::string> names;
  names.reserve(samplers().size());
  for (const Sampler& sampler : samplers()) names.push_back(sampler.name);
  return names;
}

std::string sampler_name(const SchedulerConfig& config) {
  for (const Sampler& sampler : samplers()) {
    const bool fits = std::all_of(sampler.fixed.begin(), sampler.fixed.end(), [&](const auto& key) {
      return config.value(key.first) == key.second;
    });
    if (fits && sampler.scheduler_class.name == config.class_name()) return sampler.name;
  }
  return config.class_name();
}

std::string prediction_name(const SchedulerConfig& config) {
  const bool is_flow = config.scheduler_class().fits == ModelKind::kFlow;
  return is_flow ? "flow" : config.get_string("prediction_type");
}

SchedulerConfig load_scheduler_config(const std::filesystem::path& path,
                                      const SchedulerName& index) {
  const std::string text = without_infinities(read_model_text(path));
  return read_scheduler_config(ConfigReader::from_text(text, path.string()), index);
}

SchedulerConfig read_scheduler_config(ConfigReader reader, const SchedulerName& index) {
  SchedulerName name{reader.get_string("_class_name", ""), reader.name(), ""};
  if (!index.class_name.empty()) {
    const bool agree = name.class_name.empty() || name.class_name == index.class_name;
    name = {index.class_name, index.file, agree ? "" : name.class_name};
  }
  SD_CHECK(!name.class_name.empty(), ErrorKind::kModel, reader.name(),
           ": '_class_name' should name the scheduler class, found nothing");
  const SchedulerClass* scheduler_class = find_class(name.class_name);
  SchedulerConfig config(reader.name(), std::move(name), scheduler_class);
  for (const std::string& key : reader.keys()) {
    const std::optional<ConfigKey::Type> type = key_type(key);
    if (type && reader.has(key)) config.set(key, read_value(reader, key, *type));
  }
  reader.ignore(foreign_keys());
  reader.finish();
  return config;
}

void patch_for_stable_diffusion(SchedulerConfig& config) {
  config.patch("steps_offset", int64_t{1});
  config.patch("clip_sample", false);
}

SchedulerConfig swap_scheduler(const SchedulerConfig& config, const SamplerChoice& choice) {
  SchedulerConfig swapped = config;
  if (!choice.name.empty()) {
    const Sampler& sampler = find_sampler(choice.name, config);
    swapped = config.under(sampler.scheduler_class);
    for (const auto& [key, value] : sampler.fixed) swapped.set(key, value);
  } else if (!choice.sigmas.empty() || !choice.spacing.empty() || !choice.variance.empty()) {
    swapped = config.under(config.scheduler_class());
  }
  if (!choice.sigmas.empty()) choose_sigmas(swapped, choice.sigmas);
  if (!choice.spacing.empty()) {
    const std::vector<std::string> spacings = {"leading", "linspace", "trailing"};
    SD_CHECK(std::find(spacings.begin(), spacings.end(), choice.spacing) != spacings.end(),
             ErrorKind::kUsage, "--spacing: expected ", joined(spacings), ", found '",
             choice.spacing, "'");
    override_key(swapped, "timestep_spacing", "--spacing " + choice.spacing, choice.spacing);
  }
  if (!choice.variance.empty()) choose_variance(swapped, choice.variance);
  return swapped;
}

std::unique_ptr<Scheduler> make_scheduler(const SchedulerConfig& config,
                                          const SamplerOptions& options) {
  SD_CHECK(std::isfinite(options.eta) && options.eta >= 0, ErrorKind::kUsage,
           "--eta: expected a number from 0 up, found ", options.eta);
  return config.scheduler_class().make(config, options);
}

}  // namespace sd
