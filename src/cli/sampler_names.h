#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sd {

/// The values of --sampler.
std::span<const std::string_view> sampler_names();

/// What picture parameters call that sampler, after AUTOMATIC1111: "Euler a" for "euler_a".
std::string sampler_display_name(std::string_view name);

}  // namespace sd
