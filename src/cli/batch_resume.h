#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cli/batch_setup.h"
#include "cli/console.h"
#include "cli/model_shelf.h"
#include "jobs/done_list.h"

namespace sd {

/// What --resume finds: which pictures are made, and what became of the others.
class BatchResume {
 public:
  /// Reads the manifests of the folder. Errors: kInput for a manifest that is damaged.
  explicit BatchResume(const BatchSetup& setup);

  /// The run to go on with gives what its options leave open: base seed and time.
  void complete(BatchSetup& setup, bool has_seed) const;

  /// What is to become of a picture.
  struct Finding {
    DoneState state = DoneState::kMissing;
    bool replaces = false;  ///< a file of its name, which the run made itself
  };

  /// Looks whether the picture of a task is made already. `is_stopped` may end the wait for the
  /// hash of the model.
  Finding look_at(const BatchTask& task, const BatchNamer::Name& name, ShelvedModel& model,
                  const std::function<bool()>& is_stopped);

  /// Errors: kUsage where every picture that was made is another one, so that the folder is that of
  /// other jobs or another model.
  void check_same_run() const;

  /// Says what was found. Errors as above.
  void report(Console& console) const;

 private:
  const BatchSetup& setup_;
  DoneList done_;
  StartHashes starts_;
  int64_t made_ = 0;
  int64_t changed_ = 0;
  int64_t damaged_ = 0;
  std::string first_change_;
};

}  // namespace sd
