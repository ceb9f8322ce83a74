#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "sd/pipeline.h"

#include "cli/model_shelf.h"
#include "jobs/batch_task.h"

namespace sd {

/// What a run of many pictures would take: counts them by what their cost depends on.
class BatchEstimate {
 public:
  void add(const BatchTask& task, const ShelvedModel& model);

  /// For all of them, in batches of that size, or of the one that each model suggests. What
  /// pictures start from is taken to be of the size that the model was made for where none is
  /// named.
  Estimate finish(ModelShelf& shelf, std::optional<int> batch_size) const;

 private:
  /// Pictures that cost the same.
  struct Group {
    Job job;  ///< says nothing but what the cost depends on
    int64_t pictures = 0;
  };

  std::map<std::string, Group> groups_;  ///< by their job, printed
};

}  // namespace sd
