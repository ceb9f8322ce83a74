#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <functional>

namespace sd {

/// A table with one row for each step, made in chunks of steps that fit into a budget of memory.
/// The row of the current step lies in a buffer whose address stays the same.
class StepTable {
 public:
  static constexpr int64_t kDefaultBudget = int64_t{256} << 20;  ///< bytes

  /// first, count -> rows of the steps [first, first + count), [count, R, W]
  using Maker = std::function<at::Tensor(int64_t first, int64_t count)>;

  StepTable() = default;
  StepTable(int64_t steps, int64_t bytes_per_step, int64_t budget, Maker make);

  /// -> [R, W], valid until the next call
  const at::Tensor& row(int64_t step);

  int64_t steps() const { return steps_; }

 private:
  int64_t steps_ = 0;
  int64_t chunk_steps_ = 0;
  Maker make_;
  int64_t chunk_first_ = 0;
  at::Tensor chunk_;
  at::Tensor row_;
};

}  // namespace sd
