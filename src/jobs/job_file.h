#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "jobs/job.h"
#include "jobs/job_format.h"

namespace sd {

/// Opens a file of jobs, in UTF-8 with or without a byte order mark, or standard input for "-", and
/// waits for its first line. Without `format` find_job_format tells it. Each job is a copy of
/// `base` with its own keys (job_keys) on top, and comes as soon as it is complete; memory does not
/// grow with the file. Relative paths of init_img and init_latents are relative to the folder of
/// the file; those in standard input and pipes, and those of `base`, to the current one.
///
/// Errors, here and of next(): kUsage for what cannot be read, is UTF-16 or a picture;
/// kInterrupted once `is_stopped`, which is asked ten times a second while there is nothing to
/// read.
std::unique_ptr<JobSource> open_job_file(
    const std::string& path, const Job& base, std::optional<JobFormat> format = std::nullopt,
    const std::function<bool()>& is_stopped = [] { return false; });

/// SHA-256 of the bytes of a job file, as 64 hexadecimal digits; empty for what can be read only
/// once, standard input and pipes. Errors: kUsage, kInterrupted as above.
std::string hash_job_file(
    const std::string& path, const std::function<bool()>& is_stopped = [] { return false; });

}  // namespace sd
