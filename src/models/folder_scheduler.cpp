#include "models/folder_scheduler.h"

#include "core/check.h"
#include "diffusion/registry.h"

namespace sd {

SchedulerConfig load_folder_scheduler(const ModelFolder& folder, Observer& observer) {
  const auto file = component_folder(folder, "scheduler") / "scheduler_config.json";
  const std::string index = folder.index().string();
  SchedulerConfig config =
      load_scheduler_config(file, {folder.components.at("scheduler"), index, ""});
  if (!config.name().overruled.empty()) {
    observer.on_warning(concat_text(file.string(), " names the class ", config.name().overruled,
                                    ", ", index, " names ", config.class_name(),
                                    "; the latter counts, as in diffusers"));
  }
  return config;
}

}  // namespace sd
