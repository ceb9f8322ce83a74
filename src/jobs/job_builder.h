#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/job.h"
#include "jobs/job_keys.h"
#include "jobs/job_text.h"

namespace sd {

/// What the jobs of a file have in common.
struct JobDefaults {
  Job base;  ///< what a job is before its own keys
  std::string
      folder;  ///< what paths of files to start from are relative to; empty: the current one
};

/// Makes a job out of the keys and values of one line, record or object. All of its errors are
/// kUsage with the place of the key or value.
class JobBuilder {
 public:
  /// Both must outlive the builder.
  JobBuilder(const JobText& text, const JobDefaults& defaults);

  /// Stores a value; `offset` is where it, or its key, stands in the text. Errors: a key that is
  /// unknown or given already, a value that it does not take.
  void set(std::string_view typed, const JobValue& value, size_t offset);

  /// For a JSON null and the head of a table: a key without a value, which must be a key that was
  /// not given already.
  void skip(std::string_view typed, size_t offset);

  /// The whole job. Errors: no prompt, neither here nor in the base; what cannot stand together.
  Job finish();

 private:
  struct Given {
    size_t key;
    size_t offset;
    bool has_value;
  };

  const Given* find_given(std::string_view name) const;
  size_t parse_key(std::string_view typed, size_t offset) const;

  const JobText& text_;
  const JobDefaults& defaults_;
  Job job_;
  std::vector<Given> given_;
};

}  // namespace sd
