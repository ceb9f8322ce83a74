#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "diffusion/scheduler.h"

namespace sd {

struct SchedulerClass;

/// The value of one key of a scheduler's config; monostate is Python's None.
using ConfigValue =
    std::variant<std::monostate, bool, int64_t, double, std::string, std::vector<double>>;

/// The value as a message shows it.
std::string to_string(const ConfigValue& value);

/// A scheduler's class and where its name comes from.
struct SchedulerName {
  std::string class_name;  ///< such as "PNDMScheduler"
  std::string file;        ///< what messages call the file that names it
  std::string overruled;   ///< another class that scheduler_config.json names; empty: none
};

/// A scheduler's config with diffusers' memory of which keys were given (by scheduler_config.json
/// or by an override) and which are the class's defaults: a swap to another class keeps the given
/// ones, also those that only a later class knows, and forgets the defaults
/// (configuration_utils.py,
/// `_use_default_values`).
class SchedulerConfig {
 public:
  /// `source` is what messages call this config; `scheduler_class` is null for a class that is not
  /// implemented here, whose config serves to swap away from it.
  SchedulerConfig(std::string source, SchedulerName name, const SchedulerClass* scheduler_class);

  const std::string& source() const { return source_; }
  const SchedulerName& name() const { return name_; }
  const std::string& class_name() const { return name_.class_name; }
  /// Errors: kModel for a class that the registry does not have, naming the file that names it.
  const SchedulerClass& scheduler_class() const;

  /// Gives the key a value, as the JSON or an override would. None takes it away.
  void set(const std::string& key, ConfigValue value);
  /// Changes the value of a key that has one, which stays given or default as it was: what the SD1
  /// and SD2 pipelines do to a scheduler's config when they are made.
  void patch(const std::string& key, ConfigValue value);
  /// The given keys under another class, whose defaults fill in (`from_config`).
  SchedulerConfig under(const SchedulerClass& other) const;

  /// The given, patched or default value; None for a key that this class does not know.
  ConfigValue value(const std::string& key) const;
  /// The same, and the given value of a key of other classes: what `scheduler.config.key` is in
  /// diffusers.
  ConfigValue carried_value(const std::string& key) const;
  bool has(const std::string& key) const;

  /// Errors for each getter: kModel naming the key where the value has another type.
  bool get_bool(const std::string& key) const;
  int64_t get_int(const std::string& key) const;
  double get_double(const std::string& key) const;
  std::string get_string(const std::string& key) const;
  std::vector<double> get_list(const std::string& key) const;
  /// One of the allowed strings. Errors: kModel naming key and value.
  std::string get_choice(const std::string& key, const std::vector<std::string>& allowed) const;

  /// Throws kModel: this value of the key is not supported.
  [[noreturn]] void refuse(const std::string& key) const;
  /// Refuses the keys whose value is true.
  void refuse_if_true(const std::vector<std::string>& keys) const;

 private:
  std::string source_;
  SchedulerName name_;
  const SchedulerClass* class_;
  std::map<std::string, ConfigValue> given_;
  std::map<std::string, ConfigValue> patched_defaults_;
};

/// A key of a scheduler class with its default; None needs a type of its own.
struct ConfigKey {
  enum class Type { kBool, kInt, kDouble, kString, kList };

  ConfigKey(const char* name, bool value) : name(name), type(Type::kBool), fallback(value) {}
  ConfigKey(const char* name, int value)
      : name(name), type(Type::kInt), fallback(static_cast<int64_t>(value)) {}
  ConfigKey(const char* name, double value) : name(name), type(Type::kDouble), fallback(value) {}
  ConfigKey(const char* name, const char* value)
      : name(name), type(Type::kString), fallback(std::string(value)) {}
  ConfigKey(const char* name, std::vector<double> value)
      : name(name), type(Type::kList), fallback(std::move(value)) {}
  ConfigKey(const char* name, Type type) : name(name), type(type) {}

  std::string name;
  Type type;
  ConfigValue fallback;
};

/// A value that a class replaces by one of its own, as diffusers' constructors do with the solver
/// types of their relatives.
struct ValueAlias {
  std::string key;
  std::vector<std::string> from;
  std::string to;
};

/// What a run asks of the sampler besides its config.
struct SamplerOptions {
  double eta = 0;  ///< DDIM: 0 deterministic, 1 as noisy as DDPM; other samplers have no use for it
  bool use_clipped_model_output = false;  ///< DDIM: derive epsilon from the clipped x0
  std::optional<int64_t> image_tokens;    ///< L of the network, for the dynamic shift of a flow
};

/// What a network was trained to predict the way of, which decides the samplers that fit it.
enum class ModelKind {
  kDiffusion,  ///< a noising with betas: epsilon, v or x0
  kFlow,       ///< a rectified flow: the velocity
};

/// One scheduler class of diffusers: its name, the arguments of its constructor, and how it is
/// made.
struct SchedulerClass {
  std::string name;
  std::vector<ConfigKey> keys;
  std::vector<ValueAlias> aliases;
  std::unique_ptr<Scheduler> (*make)(const SchedulerConfig& config, const SamplerOptions& options);
  ModelKind fits = ModelKind::kDiffusion;
};

/// The class's key of that name, or null.
const ConfigKey* find_key(const SchedulerClass& scheduler_class, const std::string& key);

/// One for each file that implements a scheduler.
SchedulerClass ddim_class();
SchedulerClass ddpm_class();
SchedulerClass dpmpp_multistep_class();
SchedulerClass euler_class();
SchedulerClass euler_ancestral_class();
SchedulerClass flow_euler_class();
SchedulerClass flow_heun_class();
SchedulerClass heun_class();
SchedulerClass lcm_class();
SchedulerClass pndm_class();
SchedulerClass unipc_class();

}  // namespace sd
