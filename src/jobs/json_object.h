#pragma once

#include "jobs/job_builder.h"

namespace sd {

/// The job of a JSON object, whose members are the keys of a job; null is as left out. Errors:
/// kUsage with the place: no JSON, no object, and those of JobBuilder.
Job read_json_object(const JobText& text, const JobDefaults& defaults);

}  // namespace sd
