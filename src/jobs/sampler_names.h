#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sd {

/// The values of --sampler.
std::vector<std::string_view> sampler_choices();

/// The value of --sampler that `typed` means, be it in capitals, with spaces or hyphens, or as
/// other programs call it: "Euler a", "k_euler_ancestral", "DPM++ 2M", "DDIMScheduler". Nothing
/// where it means none, or one of several.
std::optional<std::string_view> find_sampler(std::string_view typed);

/// The same for the value of `flag`; throws kUsage where find_sampler finds nothing.
std::string parse_sampler(std::string_view flag, std::string_view text);

/// What picture parameters call that sampler, after AUTOMATIC1111: "Euler a" for "euler_a".
std::string sampler_display_name(std::string_view name);

}  // namespace sd
