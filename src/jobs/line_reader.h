#pragma once

#include <cstddef>
#include <optional>

#include "jobs/job_input.h"
#include "jobs/job_text.h"

namespace sd {

/// The lines of an input, each as soon as it is complete. Ends are \n and \r\n.
class LineReader {
 public:
  /// The input must outlive the reader.
  explicit LineReader(JobInput& input) : input_(input) {}

  /// The next line, without its end; nothing after the last. It is valid until the next call.
  /// Errors: kUsage where it has more than kMaxJobText bytes, the next call goes on after it.
  std::optional<JobText> next();

 private:
  void skip_rest();

  JobInput& input_;
  size_t number_ = 0;
  size_t to_take_ = 0;      // bytes of the last line and its end
  bool is_inside_ = false;  // a line that is too long
};

}  // namespace sd
