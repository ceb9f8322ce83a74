#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sd/pipeline.h"

#include "cli/help_sections.h"
#include "jobs/picture_parameters.h"

namespace sd {

/// One line of --json for a finished image; `file` is empty where it was not saved. Version 1: keys
/// may be added, none goes or changes.
std::string image_report(const std::filesystem::path& file, int64_t index, const Request& request,
                         const Painted& painted, const PictureOrigin& origin);

/// The line for an image that could not be made.
std::string failure_report(int64_t index, const Request& request, const std::string& error);

/// The line for the grid of that many pictures.
std::string grid_report(const std::filesystem::path& file, int images);

/// Every key of these lines; "settings.width" is the key width of the object settings.
std::vector<HelpRow> report_keys();

}  // namespace sd
