#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sd {

/// What a number of a config may be, both ends included.
template <typename T>
struct Range {
  T least;
  T most;
};
using IntRange = Range<int64_t>;
using RealRange = Range<double>;

/// A config.json (or a part of one) read key by key with the defaults of the class that it
/// configures. It remembers what was read: a key left over at `finish` could change the result in a
/// way this program does not know, so it is an error.
/// Every getter takes null for "absent", and every number has its range (core/config_limits.h).
/// Errors: kModel naming file, key, expected and found.
class ConfigReader {
 public:
  /// Errors: kModel for what is no readable file, invalid JSON or a top level that is not an
  /// object.
  static ConfigReader from_file(const std::filesystem::path& path);
  /// `name` stands for the file in messages.
  static ConfigReader from_text(const std::string& json, const std::string& name);

  ~ConfigReader();
  ConfigReader(ConfigReader&&) noexcept;
  ConfigReader& operator=(ConfigReader&&) noexcept;

  /// Is the key there with a value other than null?
  bool has(const std::string& key) const;
  /// Is the key there with the value null?
  bool is_null(const std::string& key) const;
  /// Is the key there with a list as its value?
  bool is_list(const std::string& key) const;

  bool get_bool(const std::string& key, bool fallback);
  int64_t get_int(const std::string& key, int64_t fallback, IntRange range);
  double get_double(const std::string& key, double fallback, RealRange range);
  std::string get_string(const std::string& key, const std::string& fallback);
  std::optional<bool> find_bool(const std::string& key);
  std::optional<int64_t> find_int(const std::string& key, IntRange range);
  std::optional<double> find_double(const std::string& key, RealRange range);
  std::optional<std::string> find_string(const std::string& key);
  std::vector<int64_t> get_ints(const std::string& key, const std::vector<int64_t>& fallback,
                                IntRange range);
  std::vector<double> get_doubles(const std::string& key, const std::vector<double>& fallback,
                                  RealRange range);
  std::vector<std::string> get_strings(const std::string& key,
                                       const std::vector<std::string>& fallback);
  /// A list of `count`, or one number that stands for all of them.
  std::vector<int64_t> get_ints_or_one(const std::string& key, size_t count, int64_t fallback,
                                       IntRange range);
  std::vector<bool> get_bools_or_one(const std::string& key, size_t count, bool fallback);
  /// A list of `count` entries, each one number or a list of numbers, or one number that stands for
  /// all of them. A number becomes a list of one; no list is empty.
  std::vector<std::vector<int64_t>> get_int_lists_or_one(const std::string& key, size_t count,
                                                         int64_t fallback, IntRange range);
  /// A nested object as a reader of its own; an empty one where the key is absent.
  ConfigReader get_object(const std::string& key);

  /// model_index.json: is the value a pair [library, class]?
  bool is_component(const std::string& key) const;
  /// The pair; both empty for [null, null].
  std::pair<std::string, std::string> get_component(const std::string& key);

  std::vector<std::string> keys() const;
  /// Keys that are known not to change what is computed here.
  void ignore(const std::vector<std::string>& keys);
  /// Errors: kModel for the first key that was neither read nor ignored, unless its value is null,
  /// false, or an empty string, list or object. Keys that begin with '_' are never errors.
  void finish() const;

  /// The file's name as messages show it.
  const std::string& name() const;

 private:
  struct State;
  explicit ConfigReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sd
