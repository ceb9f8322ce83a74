#pragma once

#include <memory>

#include "jobs/job_builder.h"
#include "jobs/job_input.h"

namespace sd {

/// The jobs of a file of JSON lines: an object in each line, blank lines are left out.
std::unique_ptr<JobSource> read_json_lines(std::unique_ptr<JobInput> input, JobDefaults defaults);

/// The jobs of a JSON array of objects, or of one object, or of several one after the other, over
/// however many lines.
std::unique_ptr<JobSource> read_json_jobs(std::unique_ptr<JobInput> input, JobDefaults defaults);

}  // namespace sd
