#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>

namespace sd {

/// What one model call reads besides its sample.
struct StepInputs {
  int64_t step = 0;  ///< number of the model call in the bound run
  /// The time projections of all residual blocks side by side [R, W]; R is 1 where all rows of the
  /// batch share them.
  at::Tensor time_shifts;
};

}  // namespace sd
