#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

namespace sd {

/// Where a network lives and in which type it computes.
struct Placement {
  c10::Device device = c10::Device(c10::DeviceType::CPU);
  c10::ScalarType dtype = c10::ScalarType::Float;
};

}  // namespace sd
