#include "cli/arguments.h"

#include <filesystem>

#include "core/check.h"

namespace sd {
namespace {

/// Whether both name one folder, be there a / at the end or not.
bool are_one_folder(const std::string& a, const std::string& b) {
  namespace fs = std::filesystem;
  return (fs::path(a) / "").lexically_normal() == (fs::path(b) / "").lexically_normal();
}

}  // namespace

void check_skip_layers(const Arguments& arguments) {
  const char* idle = arguments.skip_layer_scale   ? "--skip-layer-scale"
                     : arguments.skip_layer_start ? "--skip-layer-start"
                     : arguments.skip_layer_stop  ? "--skip-layer-stop"
                                                  : nullptr;
  SD_CHECK(idle == nullptr || !arguments.request.skip_layers.layers.empty(), ErrorKind::kUsage,
           idle, " does nothing without --skip-layers");
}

void join_arguments(Arguments& arguments) {
  const auto check = [](bool agree, const std::string& one, const std::string& other) {
    SD_CHECK(agree, ErrorKind::kUsage, one, " and ", other, " cannot stand together");
  };
  check(!arguments.quiet || !arguments.verbose, "--quiet", "--verbose");
  check(!arguments.prompt || !arguments.prompt_file, "--prompt", "--from-file");
  check(!arguments.negative_prompt || !arguments.negative_preset, "--negative-prompt",
        "--negative-preset");
  check(!arguments.init_image || !arguments.init_latents, "--init-img", "--init-latents");
  check(!arguments.count || !arguments.n_samples, "--count", "--n_samples");
  check(!arguments.count || !arguments.n_iter, "--count", "--n_iter");
  check(!arguments.json || arguments.output != "-", "--json", "--output -");
  check(arguments.request.preview_every == 0 || arguments.output != "-", "--preview", "--output -");
  check(!arguments.load.no_t5 || arguments.load.t5_dtype.empty(), "--no-t5", "--t5-dtype");
  check(!arguments.plms || !arguments.dpm_solver, "--plms", "--dpm_solver");
  if (arguments.plms || arguments.dpm_solver) {
    const std::string named = arguments.plms ? "plms" : "dpmpp_2m";
    std::string& sampler = arguments.request.sampler;
    check(sampler.empty() || sampler == named, arguments.plms ? "--plms" : "--dpm_solver",
          "--sampler " + sampler);
    sampler = named;
  }
  const Request& request = arguments.request;
  SD_CHECK(request.eta == 0 || request.sampler.empty() || request.sampler == "ddim",
           ErrorKind::kUsage, "--eta belongs to --sampler ddim, found --sampler ", request.sampler);
  SD_CHECK(request.variance.empty() || request.sampler.empty() || request.sampler == "ddpm",
           ErrorKind::kUsage, "--variance belongs to --sampler ddpm, found --sampler ",
           request.sampler);
  if (!arguments.precision.empty()) {
    const std::string named = arguments.precision == "full" ? "fp32" : "auto";
    std::string& dtype = arguments.load.dtype;
    check(dtype == "auto" || dtype == named, "--precision " + arguments.precision,
          "--dtype " + dtype);
    dtype = named;
  }
  check(!arguments.skip_grid || !arguments.n_rows, "--skip_grid", "--n_rows");
  const bool writes_grid = arguments.n_rows || (!arguments.compat.empty() && !arguments.skip_grid);
  SD_CHECK(!arguments.skip_save || writes_grid, ErrorKind::kUsage,
           "--skip_save leaves nothing to write: a grid was expected (--n_rows N)");
  SkipLayerGuidance& skip = arguments.request.skip_layers;
  skip.scale = arguments.skip_layer_scale.value_or(skip.scale);
  skip.start = arguments.skip_layer_start.value_or(skip.start);
  skip.stop = arguments.skip_layer_stop.value_or(skip.stop);
  SD_CHECK(skip.layers.empty() || skip.start < skip.stop, ErrorKind::kUsage,
           "--skip-layer-start expects less than the --skip-layer-stop of ", skip.stop, ", found ",
           skip.start);
  if (arguments.strength) arguments.request.strength = arguments.strength;
  for (const auto& negative : {arguments.negative_prompt, arguments.negative_preset}) {
    if (negative) arguments.request.negative_prompt = *negative;
  }
  if (arguments.outdir) {
    std::optional<std::string>& output = arguments.output;
    check(!output || are_one_folder(*output, *arguments.outdir), "--outdir " + *arguments.outdir,
          "--output " + output.value_or(""));
    output = *arguments.outdir + "/";
  }
}

}  // namespace sd
