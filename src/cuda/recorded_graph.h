#pragma once

#include <c10/core/Device.h>
#include <functional>
#include <memory>

#include "core/backend.h"

namespace sd {

/// Backend::record: work as one CUDA graph.
std::unique_ptr<RecordedWork> record_graph(c10::DeviceIndex device,
                                           const std::function<void()>& work);

}  // namespace sd
