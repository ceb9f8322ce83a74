#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/host.h"
#include "jobs/output_name.h"

namespace sd {

/// One image to be made.
struct PlannedImage {
  int index = 0;      ///< 0 for the first
  size_t prompt = 0;  ///< position in PaintPlan::prompts
  uint64_t seed = 0;
};

/// A picture of all pictures.
struct GridPlan {
  std::filesystem::path folder;
  int columns = 1;
  int first_number = 0;  ///< of its file name, where that is free
};

/// What `sd txt2img` and `sd img2img` are going to do, checked as far as it can be without a model.
struct PaintPlan {
  std::vector<std::string> prompts;
  std::vector<PlannedImage> images;  ///< all prompts, then all again, …; image i has seed + i
  int total = 0;                     ///< images asked for, those left out included
  int batch_size = 1;
  OutputNames names;
  NameValues name_values;  ///< what names tell of all images
  Encoding encoding;
  OnExist on_exist = OnExist::kOverwrite;
  bool saves_pictures = true;  ///< else the grid alone
  std::optional<GridPlan> grid;
  std::optional<OutputNames> latents;
  OnExist latents_on_exist = OnExist::kOverwrite;
  int skipped = 0;  ///< images left out because their files are there
};

/// Errors: kUsage (options that contradict each other), kOutput (a folder that cannot be written,
/// files that are there already). Makes no folder yet.
PaintPlan make_paint_plan(const Arguments& arguments, const Host& host);

/// The path of that picture, one of plan.names.
std::filesystem::path picture_path(const PaintPlan& plan, const PlannedImage& image);

}  // namespace sd
