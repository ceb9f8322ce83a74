#include "core/config_reader.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "core/check.h"

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

  [[noreturn]] void wrong_type(const std::string& key, const char* expected, const json& found) {
    std::string text = found.dump();
    if (text.size() > 60) text = text.substr(0, 60) + "…";
    fail(ErrorKind::kModel, name, ": '", key, "' should be ", expected, ", found ", text);
  }
};

namespace {

bool holds(const json& value, bool*) { return value.is_boolean(); }
bool holds(const json& value, int64_t*) { return value.is_number_integer(); }
bool holds(const json& value, double*) { return value.is_number(); }
bool holds(const json& value, std::string*) { return value.is_string(); }

const char* type_name(bool*) { return "true or false"; }
const char* type_name(int64_t*) { return "a whole number"; }
const char* type_name(double*) { return "a number"; }
const char* type_name(std::string*) { return "a string"; }

template <typename T, typename State>
std::optional<T> find_value(State& state, const std::string& key) {
  const json* value = state.find(key);
  if (!value) return {};
  T* tag = nullptr;
  if (!holds(*value, tag)) state.wrong_type(key, type_name(tag), *value);
  return value->template get<T>();
}

template <typename T, typename State>
std::optional<std::vector<T>> find_list(State& state, const std::string& key) {
  const json* value = state.find(key);
  if (!value) return {};
  T* tag = nullptr;
  const bool fits = value->is_array() && std::all_of(value->begin(), value->end(),
                                                     [&](const json& v) { return holds(v, tag); });
  if (!fits) {
    state.wrong_type(key, (std::string("a list, each ") + type_name(tag)).c_str(), *value);
  }
  std::vector<T> list;
  for (const json& item : *value) list.push_back(item.get<T>());
  return list;
}

template <typename T, typename State>
std::vector<T> find_list_or_one(State& state, const std::string& key, size_t count, T fallback) {
  const json* value = state.find(key);
  if (!value) return std::vector<T>(count, fallback);
  if (!value->is_array()) return std::vector<T>(count, *find_value<T>(state, key));
  auto list = *find_list<T>(state, key);
  SD_CHECK(list.size() == count, ErrorKind::kModel, state.name, ": '", key, "' should have ", count,
           " entries, found ", list.size());
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
  std::ifstream file(path, std::ios::binary);
  SD_CHECK(file && !std::filesystem::is_directory(path), ErrorKind::kModel, path.string(),
           ": the file is missing or cannot be opened");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  SD_CHECK(!text.empty(), ErrorKind::kModel, path.string(), ": the file is empty");
  SD_CHECK(!text.starts_with("version https://git-lfs"), ErrorKind::kModel, path.string(),
           ": this is a git-lfs pointer, not the file itself (git lfs pull fetches it)");
  return from_text(text, path.string());
}

ConfigReader ConfigReader::from_text(const std::string& text, const std::string& name) {
  // A depth cap: the parser itself is iterative, the tree's destructor and dump() are not.
  constexpr int kMaxDepth = 64;
  auto keep_shallow = [&](int depth, json::parse_event_t, json&) {
    SD_CHECK(depth < kMaxDepth, ErrorKind::kModel, name, ": the JSON is nested too deeply");
    return true;
  };
  auto state = std::make_unique<State>();
  state->name = name;
  try {
    state->values = json::parse(text, keep_shallow);
  } catch (const json::parse_error& error) {
    fail(ErrorKind::kModel, name, ": not valid JSON (at byte ", error.byte, ")");
  }
  SD_CHECK(state->values.is_object(), ErrorKind::kModel, name,
           ": expected a JSON object at the top");
  return ConfigReader(std::move(state));
}

bool ConfigReader::has(const std::string& key) const {
  auto found = state_->values.find(key);
  return found != state_->values.end() && !found->is_null();
}

bool ConfigReader::is_list(const std::string& key) const {
  return has(key) && state_->values[key].is_array();
}

std::optional<bool> ConfigReader::find_bool(const std::string& key) {
  return find_value<bool>(*state_, key);
}
std::optional<int64_t> ConfigReader::find_int(const std::string& key) {
  return find_value<int64_t>(*state_, key);
}
std::optional<double> ConfigReader::find_double(const std::string& key) {
  return find_value<double>(*state_, key);
}
std::optional<std::string> ConfigReader::find_string(const std::string& key) {
  return find_value<std::string>(*state_, key);
}
bool ConfigReader::get_bool(const std::string& key, bool fallback) {
  return find_bool(key).value_or(fallback);
}
int64_t ConfigReader::get_int(const std::string& key, int64_t fallback) {
  return find_int(key).value_or(fallback);
}
double ConfigReader::get_double(const std::string& key, double fallback) {
  return find_double(key).value_or(fallback);
}
std::string ConfigReader::get_string(const std::string& key, const std::string& fallback) {
  return find_string(key).value_or(fallback);
}
std::vector<int64_t> ConfigReader::get_ints(const std::string& key,
                                            const std::vector<int64_t>& fallback) {
  return find_list<int64_t>(*state_, key).value_or(fallback);
}
std::vector<double> ConfigReader::get_doubles(const std::string& key,
                                              const std::vector<double>& fallback) {
  return find_list<double>(*state_, key).value_or(fallback);
}
std::vector<std::string> ConfigReader::get_strings(const std::string& key,
                                                   const std::vector<std::string>& fallback) {
  return find_list<std::string>(*state_, key).value_or(fallback);
}
std::vector<int64_t> ConfigReader::get_ints_or_one(const std::string& key, size_t count,
                                                   int64_t fallback) {
  return find_list_or_one<int64_t>(*state_, key, count, fallback);
}
std::vector<bool> ConfigReader::get_bools_or_one(const std::string& key, size_t count,
                                                 bool fallback) {
  return find_list_or_one<bool>(*state_, key, count, fallback);
}

std::vector<std::vector<int64_t>> ConfigReader::get_int_lists_or_one(const std::string& key,
                                                                     size_t count,
                                                                     int64_t fallback) {
  const json* value = state_->find(key);
  using Lists = std::vector<std::vector<int64_t>>;
  if (!value || !value->is_array()) return Lists(count, {get_int(key, fallback)});
  SD_CHECK(value->size() == count, ErrorKind::kModel, state_->name, ": '", key, "' should have ",
           count, " entries, found ", value->size());
  Lists lists;
  for (const json& entry : *value) {
    const json list = entry.is_array() ? entry : json::array({entry});
    const bool fits = !list.empty() && std::all_of(list.begin(), list.end(), [](const json& v) {
      return v.is_number_integer();
    });
    if (!fits) state_->wrong_type(key, "whole numbers or lists of them", *value);
    lists.push_back(list.get<std::vector<int64_t>>());
  }
  return lists;
}

ConfigReader ConfigReader::get_object(const std::string& key) {
  auto part = std::make_unique<State>();
  part->name = state_->name + ", '" + key + "'";
  part->values = json::object();
  if (const json* value = state_->find(key)) {
    if (!value->is_object()) state_->wrong_type(key, "an object", *value);
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
