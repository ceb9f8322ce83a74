#include <array>
#include <string_view>

#include "cli/option_values.h"
#include "cli/options.h"

namespace sd {

using namespace takes;

// The options of scripts/txt2img.py and scripts/img2img.py of github.com/CompVis/stable-diffusion
// that are no second names of ours, under the names that they have there.
OptionGroup compvis_options() {
  constexpr int kMaxChannels = 1024;
  constexpr int kMaxFactor = 128;
  static constexpr std::array<std::string_view, 1> kPrograms = {"compvis"};
  static constexpr std::array<std::string_view, 2> kPrecisions = {"full", "autocast"};
  static const std::vector<Option> kOptions = {
      {0, "compat", "NAME",
       "what is not said is as in the original scripts: prompt, sizes, steps, scale, seed, counts, "
       "DDIM, strength; pictures go to outputs/txt2img-samples/samples/00000.png and so on (or "
       "img2img-samples), and a grid of all of them beside",
       choice(&Arguments::compat, kPrograms)},
      {0, "n_samples", "N",
       "--batch-size N, and N images (for each --n_iter), or with --from-file N prompts at once",
       whole(&Arguments::n_samples, 1, kMaxBatch), "1"},
      {0, "n_iter", "N", "N times --n_samples images", whole(&Arguments::n_iter, 1, kMaxImages),
       "1"},
      {0, "n_rows", "N",
       "write a grid of all pictures, too, N in a row (0: as many as --n_samples); it goes to "
       "grid-0000.png, or the next free number, in the folder of the pictures",
       whole(&Arguments::n_rows, 0, kMaxImages), "no grid"},
      {0, "skip_grid", {}, "no grid", flag(&Arguments::skip_grid)},
      {0, "skip_save", {}, "the grid alone, not its pictures", flag(&Arguments::skip_save)},
      {0,
       "fixed_code",
       {},
       "every batch starts from the noise, and takes the seeds, of the first",
       flag(&Arguments::fixed_code)},
      {0, "precision", "NAME", "full is --dtype fp32, autocast --dtype auto",
       choice(&Arguments::precision, kPrecisions)},
      {0, "C", "N", "channels of the latents; an error where the model has others",
       whole(&Arguments::latent_channels, 1, kMaxChannels), "the model's own"},
      {0, "f", "N", "pixels to a latent; an error where the model has others",
       whole(&Arguments::latent_factor, 1, kMaxFactor), "the model's own"},
      {0, "plms", {}, "--sampler plms", flag(&Arguments::plms)},
      {0, "dpm_solver", {}, "--sampler dpmpp_2m", flag(&Arguments::dpm_solver)},
  };
  return {"As the scripts of CompVis", kOptions};
}

}  // namespace sd
