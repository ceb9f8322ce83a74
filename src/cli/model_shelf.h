#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "sd/pipeline.h"

#include "cli/host.h"
#include "cli/model_hasher.h"
#include "cli/model_path.h"
#include "cli/progress.h"

namespace sd {

/// A model that a run uses.
struct ShelvedModel {
  ModelPath path;
  std::unique_ptr<Pipeline> pipeline;  ///< its weights are read for one model at a time
  ModelDefaults defaults;
  std::unique_ptr<ModelHasher> hasher;
};

/// The models of a run, by the names that --model takes. The weights of one of them are in memory
/// at a time; the others are known by their configs.
class ModelShelf {
 public:
  /// `options` hold for all models; `options.model` is that of jobs that name none.
  ModelShelf(const LoadOptions& options, const Host& host, Progress& progress);

  /// The model of that name, the run's own for an empty one; its weights may be unread. What it
  /// refers to stays until the shelf goes. Errors: kModel.
  ShelvedModel& find(const std::string& name);

  /// The same with its weights, for which those of another one go.
  ShelvedModel& load(const std::string& name);

  /// Whether the weights of that model are in memory.
  bool is_loaded(const std::string& name) const;

 private:
  std::string full_name(const std::string& name) const;
  std::unique_ptr<Pipeline> open(const ShelvedModel& model) const;

  LoadOptions options_;
  const Host& host_;
  Progress& progress_;
  std::map<std::string, ShelvedModel> models_;
  std::string loaded_;
};

}  // namespace sd
