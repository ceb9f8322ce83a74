#include "cli/compvis.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <system_error>

#include "core/check.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

/// What differs between the scripts.
struct Defaults {
  int n_iter;
  int n_samples;
  double scale;
  std::string_view folder;
};

constexpr Defaults kTxt2img = {2, 3, 7.5, "outputs/txt2img-samples"};
constexpr Defaults kImg2img = {1, 2, 5.0, "outputs/img2img-samples"};
constexpr int kSide = 512;
constexpr int kSteps = 50;
constexpr uint64_t kSeed = 42;
constexpr double kStrength = 0.75;
constexpr std::string_view kPrompt = "a painting of a virus monster playing guitar";

template <typename Value, typename Default>
void set_default(std::optional<Value>& value, const Default& standard) {
  if (!value) value = standard;
}

/// How many entries the folder has, 0 where it is not there.
int count_entries(const fs::path& folder) {
  std::error_code error;
  const auto count = std::distance(fs::directory_iterator(folder, error), fs::directory_iterator());
  return static_cast<int>(std::min<ptrdiff_t>(count, kMaxImages));
}

}  // namespace

void apply_compat(Arguments& arguments, CompvisScript script) {
  if (arguments.compat.empty()) return;
  SD_CHECK(
      !arguments.output || arguments.outdir, ErrorKind::kUsage,
      "--compat compvis and --output cannot stand together (--outdir FOLDER names the folder)");
  const bool is_txt2img = script == CompvisScript::kTxt2img;
  const Defaults& defaults = is_txt2img ? kTxt2img : kImg2img;
  Request& request = arguments.request;
  if (is_txt2img) {
    set_default(request.width, kSide);
    set_default(request.height, kSide);
  }
  if (!arguments.prompt_file) set_default(arguments.prompt, kPrompt);
  if (request.sampler.empty()) request.sampler = "ddim";
  set_default(request.steps, kSteps);
  set_default(request.scale, defaults.scale);
  if (!arguments.strength) request.strength = kStrength;
  set_default(arguments.seed, kSeed);
  if (!arguments.count) {
    set_default(arguments.n_iter, defaults.n_iter);
    set_default(arguments.n_samples, arguments.batch_size.value_or(defaults.n_samples));
  }
  if (!arguments.skip_grid) set_default(arguments.n_rows, 0);
  set_default(arguments.outdir, defaults.folder);
}

OutputNames compvis_names(const fs::path& folder) {
  OutputNames names = {.kind = OutputKind::kPattern,
                       .folder = folder / "samples",
                       .pattern = "{index:05}.png",
                       .flag = "--outdir"};
  names.first_index = count_entries(names.folder);
  return names;
}

int compvis_grid_number(const fs::path& folder) { return std::max(0, count_entries(folder) - 1); }

}  // namespace sd
