#include "cli/sampler_names.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace sd {
namespace {

constexpr std::array<std::string_view, 10> kNames = {
    "ddim", "plms", "pndm", "ddpm", "euler", "euler_a", "heun", "dpmpp_2m", "unipc", "lcm"};
constexpr std::array<std::string_view, kNames.size()> kDisplayNames = {
    "DDIM", "PLMS", "PNDM", "DDPM", "Euler", "Euler a", "Heun", "DPM++ 2M", "UniPC", "LCM"};

}  // namespace

std::span<const std::string_view> sampler_names() { return kNames; }

std::string sampler_display_name(std::string_view name) {
  const auto at = static_cast<size_t>(std::ranges::find(kNames, name) - kNames.begin());
  return std::string(at < kNames.size() ? kDisplayNames[at] : name);
}

}  // namespace sd
