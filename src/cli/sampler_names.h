#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sd {

/// The values of --sampler.
std::vector<std::string_view> sampler_choices();

/// What picture parameters call that sampler, after AUTOMATIC1111: "Euler a" for "euler_a".
std::string sampler_display_name(std::string_view name);

}  // namespace sd
