#include "jobs/sampler_names.h"

#include <algorithm>
#include <array>
#include <utility>

#include "sd/error.h"
#include "sd/sampler_names.h"

#include "core/check.h"
#include "io/utf8.h"
#include "jobs/parse_value.h"

namespace sd {
namespace {

/// What other programs call a sampler, where it is more than another spelling: k-diffusion and
/// ComfyUI ("euler_ancestral"), DPM-Solver++'s paper, the classes of diffusers.
constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kOtherNames = {{
    {"eulerancestral", "euler_a"},
    {"dpmsolverpp2m", "dpmpp_2m"},
    {"ddimscheduler", "ddim"},
    {"ddpmscheduler", "ddpm"},
    {"eulerdiscretescheduler", "euler"},
    {"eulerancestraldiscretescheduler", "euler_a"},
    {"heundiscretescheduler", "heun"},
    {"unipcmultistepscheduler", "unipc"},
    {"lcmscheduler", "lcm"},
    {"flowmatcheulerdiscretescheduler", "flow_euler"},
    {"flowmatchheundiscretescheduler", "flow_heun"},
}};

/// Letters and digits alone, in lower case, + as p, without the k of k-diffusion: "dpmpp2m" for
/// "DPM++ 2M" and "k_dpmpp_2m".
std::string bare_name(std::string_view typed) {
  std::string text = lower_case(typed);
  for (const std::string_view prefix : {"sample_", "k_", "k-", "k "}) {
    if (text.starts_with(prefix)) text.erase(0, prefix.size());
  }
  std::ranges::replace(text, '+', 'p');
  std::erase_if(text,
                [](char c) { return std::string_view(" _-()").find(c) != std::string::npos; });
  return text;
}

}  // namespace

std::vector<std::string_view> sampler_choices() {
  std::vector<std::string_view> names;
  for (const SamplerName& sampler : kSamplerNames) names.push_back(sampler.name);
  return names;
}

std::optional<std::string_view> find_sampler(std::string_view typed) {
  const std::string bare = bare_name(typed);
  for (const SamplerName& sampler : kSamplerNames) {
    if (bare == bare_name(sampler.name)) return sampler.name;
  }
  for (const auto& [other, name] : kOtherNames) {
    if (bare == other) return name;
  }
  return std::nullopt;
}

std::string parse_sampler(std::string_view flag, std::string_view text) {
  if (const auto name = find_sampler(text)) return std::string(*name);
  constexpr std::string_view kKarras = "karras";  // "DPM++ 2M Karras" of A1111 says two things
  const std::string lower = lower_case(text);
  const auto without_sigmas = lower.ends_with(kKarras)
                                  ? find_sampler(lower.substr(0, lower.size() - kKarras.size()))
                                  : std::nullopt;
  const std::vector<std::string_view> names = sampler_choices();
  std::string spelled = lower;
  std::ranges::replace(spelled, '-', '_');
  std::ranges::replace(spelled, ' ', '_');
  fail(ErrorKind::kUsage, flag, " expects ", print_choices(names), ", found '", text, "'",
       !without_sigmas ? suggest(spelled, names)
       : flag.starts_with("--")
           ? concat_text(" (did you mean --sampler ", *without_sigmas, " --sigmas karras?)")
           : concat_text(" (did you mean ", *without_sigmas, ", with karras as sigmas?)"));
}

std::string sampler_display_name(std::string_view name) {
  const auto* found = std::ranges::find(kSamplerNames, name, &SamplerName::name);
  return std::string(found == kSamplerNames.end() ? name : found->display_name);
}

}  // namespace sd
