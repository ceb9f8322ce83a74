#pragma once

#include <string>
#include <string_view>

#include "jobs/job.h"

namespace sd {

/// What is wrong with a job, found by those who know flags alone, as its file says it: the place of
/// the key that the sentence speaks of ("--width: …" becomes "jobs.jsonl:3:17: width: …"), of the
/// last one where it names several. `key` is that key where the sentence has no name of it; what
/// the job does not give itself has the place of the job.
std::string describe_job_error(const Job& job, std::string_view sentence,
                               std::string_view key = {});

}  // namespace sd
