#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sd {

/// The names of negative prompts that are known by one.
std::span<const std::string_view> negative_preset_names();

/// The negative prompt of that name, in upper or lower case. `flag` names the option in the kUsage
/// that a name throws which is none.
std::string parse_negative_preset(std::string_view flag, std::string_view name);

}  // namespace sd
