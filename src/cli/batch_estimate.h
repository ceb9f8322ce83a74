#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "sd/pipeline.h"

#include "cli/model_shelf.h"
#include "jobs/batch_task.h"

namespace sd {

/// What a run of many pictures would take: counts them by what their cost depends on.
class BatchEstimate {
 public:
  void add(const BatchTask& task, const ModelDefaults& defaults);

  /// For all of them, in batches of that size, or of the one that each model suggests. A picture to
  /// start from is taken to be of the size that the model was made for where none is named.
  Estimate finish(ModelShelf& shelf, std::optional<int> batch_size) const;

 private:
  /// Model, width, height, steps, whether guided, sampler, strength where there is a start.
  using Key = std::tuple<std::string, int, int, int, bool, std::string, std::optional<double>>;

  std::map<Key, int64_t> pictures_;
};

/// "40 s", "12 min", "3 h 20 min", "2 d 4 h"
std::string print_duration(double seconds);

}  // namespace sd
