#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace sd {

/// JSON that another program wrote; nothing where it is damaged or nested more than 100 deep.
/// Python's NaN and Infinity, which are no JSON and which ComfyUI's graphs hold, become null.
std::optional<nlohmann::json> parse_foreign_json(std::string_view text);

/// The value under that key, null where there is none or `object` is none.
const nlohmann::json& member(const nlohmann::json& object, const std::string& key);

/// A string as it is, true and false, a number in the shortest digits; nothing for all else.
std::optional<std::string> scalar_text(const nlohmann::json& value);

}  // namespace sd
