#pragma once

#include <array>
#include <string_view>

namespace sd {

/// A sampler by the name that requests take, and as picture parameters call it after AUTOMATIC1111.
struct SamplerName {
  std::string_view name;
  std::string_view display_name;
};

/// Every sampler. `src/diffusion/registry.cpp` says what each of them is.
inline constexpr std::array<SamplerName, 12> kSamplerNames = {{
    {"ddim", "DDIM"},
    {"plms", "PLMS"},
    {"pndm", "PNDM"},
    {"ddpm", "DDPM"},
    {"euler", "Euler"},
    {"euler_a", "Euler a"},
    {"heun", "Heun"},
    {"dpmpp_2m", "DPM++ 2M"},
    {"unipc", "UniPC"},
    {"lcm", "LCM"},
    {"flow_euler", "Flow Euler"},
    {"flow_heun", "Flow Heun"},
}};

}  // namespace sd
