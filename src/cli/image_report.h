#pragma once

#include <filesystem>
#include <string>

#include "sd/pipeline.h"

namespace sd {

/// One line of --json for a finished image. Version 1: keys may be added, none goes or changes.
std::string image_report(const std::filesystem::path& file, int index, const Request& request,
                         const Painted& painted, const std::string& model_name);

/// The line for an image that could not be made.
std::string failure_report(int index, const Request& request, const std::string& error);

}  // namespace sd
