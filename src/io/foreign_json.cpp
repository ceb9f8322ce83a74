#include "io/foreign_json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

namespace sd {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 100;

/// Bytes of the JSON string, quotes included, that `text` starts with.
std::size_t string_length(std::string_view text) {
  std::size_t at = 1;
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return std::min(at + 1, text.size());
}

/// Bytes of the number that Python writes and JSON lacks at the start of `text`, or 0.
std::size_t not_a_number_length(std::string_view text) {
  for (const std::string_view name : {"NaN", "Infinity", "-Infinity"}) {
    if (text.starts_with(name)) return name.size();
  }
  return 0;
}

/// The text with null for such numbers; nothing where it is nested too deep.
std::optional<std::string> as_json(std::string_view text) {
  std::string json;
  int depth = 0;
  while (!text.empty()) {
    const char c = text[0];
    std::size_t length = 1;
    if (c == '"') {
      length = string_length(text);
    } else if (const std::size_t number = not_a_number_length(text); number > 0) {
      json += "null";
      text.remove_prefix(number);
      continue;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return std::nullopt;
    } else if (c == '}' || c == ']') {
      --depth;
    }
    json += text.substr(0, length);
    text.remove_prefix(length);
  }
  return json;
}

}  // namespace

std::optional<Json> parse_foreign_json(std::string_view text) {
  const auto json = as_json(text);
  if (!json) return std::nullopt;
  Json value = Json::parse(*json, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return std::nullopt;
  return value;
}

const Json& member(const Json& object, const std::string& key) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto at = object.find(key);
  return at == object.end() ? kNull : *at;
}

std::optional<std::string> scalar_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean() || value.is_number_integer()) return value.dump();
  if (!value.is_number()) return std::nullopt;
  std::array<char, 32> digits{};
  const auto result =
      std::to_chars(digits.data(), digits.data() + digits.size(), value.get<double>());
  return std::string(digits.data(), result.ptr);
}

}  // namespace sd
