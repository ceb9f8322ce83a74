#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "jobs/job_file.h"
#include "jobs/job_keys.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace sd {

/// A byte order mark in UTF-8.
inline const std::string kMark = "\xef\xbb\xbf";

/// All that a job file gave, to its end.
struct JobsRead {
  std::vector<Job> jobs;
  std::vector<std::string> errors;
  bool is_broken = false;

  std::vector<std::string> prompts() const {
    std::vector<std::string> prompts;
    for (const Job& job : jobs) prompts.push_back(job.request.prompt);
    return prompts;
  }
};

/// Reads on after errors. Stops after a thousand: a source that gives the same one for ever.
inline JobsRead read_all(JobSource& source) {
  JobsRead read;
  while (read.errors.size() < 1000) {
    try {
      auto job = source.next();
      if (!job) break;
      read.jobs.push_back(*std::move(job));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage) << error.what();
      EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("\n")));
      read.errors.emplace_back(error.what());
    }
  }
  read.is_broken = source.is_broken();
  return read;
}

class JobFileTest : public ::testing::Test {
 protected:
  /// Writes the file and reads it; errors are without the folder's name.
  JobsRead read(const std::string& name, const std::string& text, const Job& base = {}) const {
    const std::string path = folder_.write(name, text);
    JobsRead read;
    try {
      read = read_all(*open_job_file(path, base));
    } catch (const Error& error) {
      read.errors.emplace_back(error.what());
    }
    for (std::string& error : read.errors) {
      const size_t begin = error.find(folder_.path().string() + "/");
      EXPECT_EQ(begin, 0U) << error;
      if (begin == 0) error.erase(0, folder_.path().string().size() + 1);
    }
    return read;
  }

  /// The one job of a file without errors.
  Job read_one(const std::string& name, const std::string& text, const Job& base = {}) const {
    const JobsRead found = read(name, text, base);
    EXPECT_THAT(found.errors, testing::IsEmpty()) << text;
    EXPECT_EQ(found.jobs.size(), 1U) << text;
    return found.jobs.empty() ? Job{} : found.jobs[0];
  }

  /// The errors of a file.
  std::vector<std::string> errors(const std::string& name, const std::string& text,
                                  const Job& base = {}) const {
    return read(name, text, base).errors;
  }

  TemporaryFolder folder_;
};

/// Expects that both say the same, but for where they stand.
inline void expect_same_job(const Job& a, const Job& b) {
  EXPECT_EQ(a.request.prompt, b.request.prompt);
  EXPECT_EQ(a.request.negative_prompt, b.request.negative_prompt);
  EXPECT_EQ(a.request.prompt_2, b.request.prompt_2);
  EXPECT_EQ(a.request.prompt_3, b.request.prompt_3);
  EXPECT_EQ(a.request.negative_prompt_2, b.request.negative_prompt_2);
  EXPECT_EQ(a.request.negative_prompt_3, b.request.negative_prompt_3);
  EXPECT_EQ(a.request.max_sequence_length, b.request.max_sequence_length);
  EXPECT_EQ(a.request.skip_layers, b.request.skip_layers);
  EXPECT_EQ(a.request.width, b.request.width);
  EXPECT_EQ(a.request.height, b.request.height);
  EXPECT_EQ(a.request.resolution_binning, b.request.resolution_binning);
  EXPECT_EQ(a.request.original_size, b.request.original_size);
  EXPECT_EQ(a.request.target_size, b.request.target_size);
  EXPECT_EQ(a.request.crop, b.request.crop);
  EXPECT_EQ(a.request.rope_grid, b.request.rope_grid);
  EXPECT_EQ(a.request.rounded_times, b.request.rounded_times);
  EXPECT_EQ(a.request.variance, b.request.variance);
  EXPECT_EQ(a.request.steps, b.request.steps);
  EXPECT_EQ(a.request.scale, b.request.scale);
  EXPECT_EQ(a.request.guidance_rescale, b.request.guidance_rescale);
  EXPECT_EQ(a.request.sampler, b.request.sampler);
  EXPECT_EQ(a.request.sigmas, b.request.sigmas);
  EXPECT_EQ(a.request.spacing, b.request.spacing);
  EXPECT_EQ(a.request.eta, b.request.eta);
  EXPECT_EQ(a.request.clip_skip, b.request.clip_skip);
  EXPECT_EQ(a.request.strength, b.request.strength);
  EXPECT_EQ(a.seed, b.seed);
  EXPECT_EQ(a.count, b.count);
  EXPECT_EQ(a.init_image, b.init_image);
  EXPECT_EQ(a.init_latents, b.init_latents);
  EXPECT_EQ(a.model, b.model);
  EXPECT_EQ(a.output, b.output);
}

}  // namespace sd
