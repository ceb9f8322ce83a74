#pragma once

#include "sd/pipeline.h"

#include "core/check.h"

namespace sd {

/// Throws kInterrupted if the observer asks to stop.
inline void check_not_stopped(Observer& observer) {
  SD_CHECK(!observer.stop_requested(), ErrorKind::kInterrupted, "stopped");
}

}  // namespace sd
