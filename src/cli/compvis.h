#pragma once

#include <filesystem>

#include "cli/arguments.h"
#include "jobs/output_name.h"

namespace sd {

/// Which of CompVis' scripts (github.com/CompVis/stable-diffusion, scripts/).
enum class CompvisScript { kTxt2img, kImg2img };

/// Where --compat compvis was given, fills what was left open with the script's own defaults:
/// prompt, sizes, steps, scale, seed, counts, sampler, strength and folder. Errors: kUsage for
/// options that name files in another way than the script.
void apply_compat(Arguments& arguments, CompvisScript script);

/// FOLDER/samples/00000.png, numbered on from as many files as are in `samples` already.
OutputNames compvis_names(const std::filesystem::path& folder);

/// The first number of the script's FOLDER/grid-0000.png: as many entries as the folder has beside
/// `samples`.
int compvis_grid_number(const std::filesystem::path& folder);

}  // namespace sd
