#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.h"
#include "cli/console.h"
#include "cli/host.h"
#include "jobs/job.h"

namespace sd {

/// Paints these pictures again, `base` below what each says itself, arguments.changes on top: what
/// `sd replay` does, and `sd batch` where pictures take the place of a job file. What cannot be
/// made again as it was is told as a warning. Returns the exit code. Errors: what ends the run.
int run_pictures(std::string_view command, const std::vector<std::string>& files, const Job& base,
                 const Arguments& arguments, const Host& host, Console& console);

/// Whether the file is a PNG, JPEG or WebP picture; false also for what cannot be read, and for
/// pipes, which are not touched.
bool is_picture_file(const std::string& file);

}  // namespace sd
