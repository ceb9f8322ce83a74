#pragma once

#include <memory>

#include "jobs/job_builder.h"
#include "jobs/job_input.h"

namespace sd {

/// The jobs of a table (RecordReader), whose cells are parted by `separator`: the first record has
/// keys of a job, each further one a job. An empty cell is as left out, a record of empty cells,
/// too.
std::unique_ptr<JobSource> read_table_jobs(std::unique_ptr<JobInput> input, JobDefaults defaults,
                                           char separator);

}  // namespace sd
