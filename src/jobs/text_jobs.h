#pragma once

#include <memory>

#include "jobs/job_builder.h"
#include "jobs/job_input.h"

namespace sd {

/// The jobs of a text file, a line each.
///
/// Blank lines, and lines whose first character is #, are left out. A line is a prompt, without the
/// blanks at its ends, unless a word of it begins with -- and a letter. From the first such word on
/// it is read as AUTOMATIC1111's web UI reads its "Prompts from file": words as in a shell
/// (split_words), each switch a key of a job (job_keys) and the word after it, or what stands after
/// a = in it, the value; --prompt, --negative_prompt and the other prompts take all words up to the
/// next switch. What stands before the first switch is the prompt, as it is, quotes and all.
std::unique_ptr<JobSource> read_text_jobs(std::unique_ptr<JobInput> input, JobDefaults defaults);

}  // namespace sd
