#include "core/config_reader.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>

#include "core/check.h"
#include "core/model_file.h"
#include "core/model_json.h"

namespace sd {

using nlohmann::json;

struct ConfigReader::State {
  std::string name;
  json values;
  std::set<std::string> read;

  /// The value of a key that is there and not null; marks the key as read.
  const json* find(const std::string& key) {
    read.insert(key);
    auto found = values.find(key);
    return found == values.end() || found->is_null() ? nullptr : &*found;
  }

  [[noreturn]] void refuse(const std::string& key, const std::string& expected, const json& found) {
    std::string text = found.dump();
    if (text.size() > 60) text = text.substr(0, 60) + "…";
    fail(ErrorKind::kModel, name, ": '", key, "' should be ", expected, ", found ", text);
  }

  [[noreturn]] void refuse_count(const std::string& key, size_t expected, size_t found) {
    fail(ErrorKind::kModel, name, ": '", key, "' should have ", expected, " entries, found ",
         found);
  }
};

namespace {

// What a key may hold: for each kind, does a value fit, and how a message says what would.

struct Truth {
  using Type = bool;
  bool fits(const json& value) const { return value.is_boolean(); }
  std::string text() const { return "true or false"; }
};

struct Text {
  using Type = std::string;
  bool fits(const json& value) const { return value.is_string(); }
  std::string text() const { return "a string"; }
};

struct Whole {
  using Type = int64_t;
  IntRange range;

  bool fits(const json& value) const {
    if (!value.is_number_integer()) return false;
    if (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX) return false;
    return range.least <= value.get<int64_t>() && value.get<int64_t>() <= range.most;
  }
  std::string text() const {
    return concat_text("a whole number from ", range.least, " to ", range.most);
  }
};

struct Real {
  using Type = double;
  RealRange range;

  bool fits(const json& value) const {
    return value.is_number() && range.least <= value.get<double>() &&
           value.get<double>() <= range.most;
  }
  std::string text() const {
    return concat_text("a number from ", range.least, " to ", range.most);
  }
};

template <typename Kind, typename State>
std::optional<typename Kind::Type> find_value(State& state, const std::string& key, Kind kind) {
  const json* value = state.find(key);
  if (!value) return {};
  if (!kind.fits(*value)) state.refuse(key, kind.text(), *value);
  return value->template get<typename Kind::Type>();
}

template <typename Kind, typename State>
std::optional<std::vector<typename Kind::Type>> find_list(State& state, const std::string& key,
                                                          Kind kind) {
  const json* value = state.find(key);
  if (!value) return {};
  const bool fits = value->is_array() && std::all_of(value->begin(), value->end(),
                                                     [&](const json& v) { return kind.fits(v); });
  if (!fits) state.refuse(key, "a list, each " + kind.text(), *value);
  std::vector<typename Kind::Type> list;
  for (const json& item : *value) list.push_back(item.get<typename Kind::Type>());
  return list;
}

template <typename Kind, typename State>
std::vector<typename Kind::Type> find_list_or_one(State& state, const std::string& key,
                                                  size_t count, typename Kind::Type fallback,
                                                  Kind kind) {
  const json* value = state.find(key);
  if (!value || !value->is_array()) {
    return std::vector<typename Kind::Type>(count, find_value(state, key, kind).value_or(fallback));
  }
  auto list = *find_list(state, key, kind);
  if (list.size() != count) state.refuse_count(key, count, list.size());
  return list;
}

bool says_nothing(const json& value) {
  return value.is_null() || (value.is_boolean() && !value.get<bool>()) ||
         (value.is_string() && value.get_ref<const std::string&>().empty()) ||
         (value.is_structured() && value.empty());
}

}  // namespace

ConfigReader::ConfigReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ConfigReader::~ConfigReader() = default;
ConfigReader::ConfigReader(ConfigReader&&) noexcept = default;
ConfigReader& ConfigReader::operator=(ConfigReader&&) noexcept = default;

ConfigReader ConfigReader::from_file(const std::filesystem::path& path) {
  return from_text(read_model_text(path), path.string());
}

ConfigReader ConfigReader::from_text(const std::string& text, const std::string& name) {
  auto state = std::make_unique<State>();
  state->name = name;
  state->values = parse_json_object(text, name);
  return ConfigReader(std::move(state));
}

bool ConfigReader::has(const std::string& key) const {
  auto found = state_->values.find(key);
  return found != state_->values.end() && !found->is_null();
}

bool ConfigReader::is_null(const std::string& key) const {
  const auto found = state_->values.find(key);
  return found != state_->values.end() && found->is_null();
}

bool ConfigReader::is_list(const std::string& key) const {
  return has(key) && state_->values[key].is_array();
}

std::optional<bool> ConfigReader::find_bool(const std::string& key) {
  return find_value(*state_, key, Truth{});
}
std::optional<int64_t> ConfigReader::find_int(const std::string& key, IntRange range) {
  return find_value(*state_, key, Whole{range});
}
std::optional<double> ConfigReader::find_double(const std::string& key, RealRange range) {
  return find_value(*state_, key, Real{range});
}
std::optional<std::string> ConfigReader::find_string(const std::string& key) {
  return find_value(*state_, key, Text{});
}
bool ConfigReader::get_bool(const std::string& key, bool fallback) {
  return find_bool(key).value_or(fallback);
}
int64_t ConfigReader::get_int(const std::string& key, int64_t fallback, IntRange range) {
  return find_int(key, range).value_or(fallback);
}
double ConfigReader::get_double(const std::string& key, double fallback, RealRange range) {
  return find_double(key, range).value_or(fallback);
}
std::string ConfigReader::get_string(const std::string& key, const std::string& fallback) {
  return find_string(key).value_or(fallback);
}
std::vector<int64_t> ConfigReader::get_ints(const std::string& key,
                                            const std::vector<int64_t>& fallback, IntRange range) {
  return find_list(*state_, key, Whole{range}).value_or(fallback);
}
std::vector<double> ConfigReader::get_doubles(const std::string& key,
                                              const std::vector<double>& fallback,
                                              RealRange range) {
  return find_list(*state_, key, Real{range}).value_or(fallback);
}
std::vector<std::string> ConfigReader::get_strings(const std::string& key,
                                                   const std::vector<std::string>& fallback) {
  return find_list(*state_, key, Text{}).value_or(fallback);
}
std::vector<int64_t> ConfigReader::get_ints_or_one(const std::string& key, size_t count,
                                                   int64_t fallback, IntRange range) {
  return find_list_or_one(*state_, key, count, fallback, Whole{range});
}
std::vector<bool> ConfigReader::get_bools_or_one(const std::string& key, size_t count,
                                                 bool fallback) {
  return find_list_or_one(*state_, key, count, fallback, Truth{});
}

std::vector<std::vector<int64_t>> ConfigReader::get_int_lists_or_one(const std::string& key,
                                                                     size_t count, int64_t fallback,
                                                                     IntRange range) {
  const json* value = state_->find(key);
  using Lists = std::vector<std::vector<int64_t>>;
  if (!value || !value->is_array()) return Lists(count, {get_int(key, fallback, range)});
  if (value->size() != count) state_->refuse_count(key, count, value->size());
  const Whole kind{range};
  Lists lists;
  for (const json& entry : *value) {
    const json list = entry.is_array() ? entry : json::array({entry});
    const bool fits = !list.empty() && std::all_of(list.begin(), list.end(),
                                                   [&](const json& v) { return kind.fits(v); });
    if (!fits) state_->refuse(key, "a list, each entry one or several of " + kind.text(), *value);
    lists.push_back(list.get<std::vector<int64_t>>());
  }
  return lists;
}

ConfigReader ConfigReader::get_object(const std::string& key) {
  auto part = std::make_unique<State>();
  part->name = state_->name + ", '" + key + "'";
  part->values = json::object();
  if (const json* value = state_->find(key)) {
    if (!value->is_object()) state_->refuse(key, "an object", *value);
    part->values = *value;
  }
  return ConfigReader(std::move(part));
}

bool ConfigReader::is_component(const std::string& key) const {
  auto is_name = [](const json& v) { return v.is_string() || v.is_null(); };
  auto found = state_->values.find(key);
  return found != state_->values.end() && found->is_array() && found->size() == 2 &&
         is_name((*found)[0]) && is_name((*found)[1]);
}

std::pair<std::string, std::string> ConfigReader::get_component(const std::string& key) {
  const json& pair = *state_->find(key);
  auto text = [](const json& v) { return v.is_string() ? v.get<std::string>() : std::string(); };
  return {text(pair[0]), text(pair[1])};
}

std::vector<std::string> ConfigReader::keys() const {
  std::vector<std::string> keys;
  for (const auto& [key, value] : state_->values.items()) keys.push_back(key);
  return keys;
}

void ConfigReader::ignore(const std::vector<std::string>& keys) {
  state_->read.insert(keys.begin(), keys.end());
}

void ConfigReader::finish() const {
  for (const auto& [key, value] : state_->values.items()) {
    const bool known = key.starts_with('_') || state_->read.contains(key) || says_nothing(value);
    SD_CHECK(known, ErrorKind::kModel, state_->name, ": unknown key '", key,
             "' = ", value.dump().substr(0, 60),
             "; it may change the picture, so it is not ignored");
  }
}

const std::string& ConfigReader::name() const { return state_->name; }

}  // namespace sd
