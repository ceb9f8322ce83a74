#include "diffusion/scheduler_config.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "core/check.h"

namespace sd {

namespace {

template <typename T>
T get(const SchedulerConfig& config, const std::string& key, const char* expected) {
  const ConfigValue value = config.value(key);
  const T* held = std::get_if<T>(&value);
  SD_CHECK(held, ErrorKind::kModel, config.source(), ": '", key, "' should be ", expected,
           ", found ", to_string(value));
  return *held;
}

}  // namespace

const ConfigKey* find_key(const SchedulerClass& scheduler_class, const std::string& key) {
  const auto& keys = scheduler_class.keys;
  const auto found = std::find_if(keys.begin(), keys.end(),
                                  [&](const ConfigKey& known) { return known.name == key; });
  return found == keys.end() ? nullptr : &*found;
}

std::string to_string(const ConfigValue& value) {
  std::ostringstream out;
  if (std::holds_alternative<std::monostate>(value)) out << "null";
  if (const bool* flag = std::get_if<bool>(&value)) out << (*flag ? "true" : "false");
  if (const int64_t* number = std::get_if<int64_t>(&value)) out << *number;
  if (const double* number = std::get_if<double>(&value)) out << *number;
  if (const std::string* text = std::get_if<std::string>(&value)) out << '"' << *text << '"';
  if (const auto* list = std::get_if<std::vector<double>>(&value)) {
    out << "a list of " << list->size();
  }
  return out.str();
}

SchedulerConfig::SchedulerConfig(std::string source, SchedulerName name,
                                 const SchedulerClass* scheduler_class)
    : source_(std::move(source)), name_(std::move(name)), class_(scheduler_class) {}

const SchedulerClass& SchedulerConfig::scheduler_class() const {
  SD_CHECK(class_, ErrorKind::kModel, name_.file, ": the scheduler class '", name_.class_name,
           "' is not supported (--sampler chooses another)");
  return *class_;
}

void SchedulerConfig::set(const std::string& key, ConfigValue value) {
  patched_defaults_.erase(key);
  if (std::holds_alternative<std::monostate>(value)) {
    given_.erase(key);
    return;
  }
  if (class_) {
    for (const ValueAlias& alias : class_->aliases) {
      const std::string* text = alias.key == key ? std::get_if<std::string>(&value) : nullptr;
      if (text && std::find(alias.from.begin(), alias.from.end(), *text) != alias.from.end()) {
        value = alias.to;
        break;
      }
    }
  }
  given_[key] = std::move(value);
}

void SchedulerConfig::patch(const std::string& key, ConfigValue value) {
  if (std::holds_alternative<std::monostate>(carried_value(key))) return;
  (given_.contains(key) ? given_ : patched_defaults_)[key] = std::move(value);
}

SchedulerConfig SchedulerConfig::under(const SchedulerClass& other) const {
  SchedulerConfig swapped(source_, {other.name, source_, ""}, &other);
  for (const auto& [key, value] : given_) swapped.set(key, value);
  return swapped;
}

ConfigValue SchedulerConfig::value(const std::string& key) const {
  return !class_ || find_key(*class_, key) ? carried_value(key) : ConfigValue();
}

ConfigValue SchedulerConfig::carried_value(const std::string& key) const {
  if (const auto found = given_.find(key); found != given_.end()) return found->second;
  if (const auto found = patched_defaults_.find(key); found != patched_defaults_.end()) {
    return found->second;
  }
  const ConfigKey* known = class_ ? find_key(*class_, key) : nullptr;
  return known ? known->fallback : ConfigValue();
}

bool SchedulerConfig::has(const std::string& key) const {
  return !std::holds_alternative<std::monostate>(value(key));
}

bool SchedulerConfig::get_bool(const std::string& key) const {
  return get<bool>(*this, key, "true or false");
}
int64_t SchedulerConfig::get_int(const std::string& key) const {
  return get<int64_t>(*this, key, "a whole number");
}
double SchedulerConfig::get_double(const std::string& key) const {
  return get<double>(*this, key, "a number");
}
std::string SchedulerConfig::get_string(const std::string& key) const {
  return get<std::string>(*this, key, "a string");
}
std::vector<double> SchedulerConfig::get_list(const std::string& key) const {
  return has(key) ? get<std::vector<double>>(*this, key, "a list of numbers")
                  : std::vector<double>();
}

std::string SchedulerConfig::get_choice(const std::string& key,
                                        const std::vector<std::string>& allowed) const {
  std::string text = get_string(key);
  if (std::find(allowed.begin(), allowed.end(), text) == allowed.end()) refuse(key);
  return text;
}

void SchedulerConfig::refuse(const std::string& key) const {
  fail(ErrorKind::kModel, source_, ": '", key, "' = ", to_string(carried_value(key)),
       " is not supported for ", name_.class_name);
}

void SchedulerConfig::refuse_if_true(const std::vector<std::string>& keys) const {
  for (const std::string& key : keys) {
    if (has(key) && get_bool(key)) refuse(key);
  }
}

}  // namespace sd
