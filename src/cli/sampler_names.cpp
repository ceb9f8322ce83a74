#include "cli/sampler_names.h"

#include <algorithm>

#include "sd/sampler_names.h"

namespace sd {

std::vector<std::string_view> sampler_choices() {
  std::vector<std::string_view> names;
  for (const SamplerName& sampler : kSamplerNames) names.push_back(sampler.name);
  return names;
}

std::string sampler_display_name(std::string_view name) {
  const auto* found = std::ranges::find(kSamplerNames, name, &SamplerName::name);
  return std::string(found == kSamplerNames.end() ? name : found->display_name);
}

}  // namespace sd
