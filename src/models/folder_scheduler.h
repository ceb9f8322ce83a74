#pragma once

#include "sd/pipeline.h"

#include "diffusion/scheduler_config.h"
#include "models/model_folder.h"

namespace sd {

/// The scheduler of a diffusers folder. Where its file names another class than model_index.json,
/// the latter counts, and the observer is told. Errors: kModel.
SchedulerConfig load_folder_scheduler(const ModelFolder& folder, Observer& observer);

}  // namespace sd
