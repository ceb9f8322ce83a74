#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "jobs/grid_axes.h"
#include "jobs/job.h"

namespace sd {

/// How many pictures a grid of these axes has. Errors: kUsage for more than kMaxImages, and for
/// axes that cannot stand together.
int64_t count_grid_pictures(std::span<const GridAxis> axes);

/// A job for each picture of a grid: the values of the first axis one after the other, then again
/// with the next value of the second one, and so on. Texts are searched for in prompts once all
/// other axes have their values. The place of a job are its values, "--x steps=10, --y scale=3".
/// Errors of next(): kUsage for values that cannot hold together, with that place.
std::unique_ptr<JobSource> make_grid_jobs(Job base, std::vector<GridAxis> axes);

/// The fields of a picture of all pictures that tell of its axes, as AUTOMATIC1111's X/Y/Z plot
/// writes them: "X Type: Steps", "X Values: 10, 20".
std::vector<std::pair<std::string, std::string>> axis_fields(std::span<const GridAxis> axes);

}  // namespace sd
