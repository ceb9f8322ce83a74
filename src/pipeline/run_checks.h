#pragma once

#include <ATen/core/Tensor.h>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "core/placement.h"
#include "models/family.h"

namespace sd {

/// Seconds since it was made or last read.
class Stopwatch {
 public:
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double>(now - std::exchange(start_, now)).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Fails with kModel or kNumeric where a value is not finite: with the weight that is to blame,
/// else with what to try; `advice` is that of float32.
void check_finite(const at::Tensor& values, const char* what, const char* advice,
                  const Family& family, const Placement& placement);

/// Refuses with kMemory what needs more bytes than are free. What may just fit is tried. `what`
/// and `advice` stand before and after "would need more than 3 GB of memory, and 2 GB are free; ".
void check_memory(double needed, const std::string& what, std::string_view advice,
                  const Placement& placement);

}  // namespace sd
