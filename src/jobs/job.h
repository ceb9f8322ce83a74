#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sd/pipeline.h"

namespace sd {

/// Where something stands in a job file, for messages. Lines and columns count from 1, columns in
/// code points; 0: none, as of a picture that is a job.
struct JobPlace {
  std::shared_ptr<const std::string> file;  ///< as it was named; "standard input" for -
  size_t line = 0;
  size_t column = 0;
};

/// "jobs.jsonl:3:17", "jobs.txt:3" or "picture.png"
std::string print_place(const JobPlace& place);

/// Where a job gives one of its keys.
struct KeyPlace {
  std::string_view key;  ///< its name in job_keys
  JobPlace place;
};

/// What a job file asks for in one line or object: `count` images of one request.
struct Job {
  Request request;               ///< without pictures, latents and seed: these are below
  std::optional<uint64_t> seed;  ///< of the first image; the next have seed + 1, …
  int count = 1;
  std::string init_image;    ///< path of the picture to start from; empty: none
  std::string init_latents;  ///< path of the latents to start from; empty: none
  std::string model;         ///< as --model takes it; empty: the run's
  std::string output;        ///< name, or pattern of names, of its images; empty: the run's
  JobPlace place;
  std::vector<KeyPlace> keys;  ///< that it gives itself
};

/// The place where the job gives that key; nothing where it does not.
const JobPlace* find_key(const Job& job, std::string_view key);

/// Jobs one after the other, from wherever they come.
class JobSource {
 public:
  virtual ~JobSource() = default;

  /// The next job, nothing at the end. Errors: kUsage with file, line and column; the next call
  /// goes on with the job after it, unless is_broken().
  virtual std::optional<Job> next() = 0;

  /// Whether an error was such that nothing after it can be read.
  virtual bool is_broken() const { return false; }
};

}  // namespace sd
