#include "nn/step_table.h"

#include <algorithm>
#include <utility>

#include "core/tensor_ops.h"

namespace sd {

StepTable::StepTable(int64_t steps, int64_t bytes_per_step, int64_t budget, Maker make)
    : steps_(steps),
      chunk_steps_(std::clamp<int64_t>(budget / std::max<int64_t>(bytes_per_step, 1), 1, steps)),
      make_(std::move(make)) {}

const at::Tensor& StepTable::row(int64_t step) {
  TORCH_INTERNAL_ASSERT(step >= 0 && step < steps_, "step ", step, " of a run of ", steps_);
  const bool is_here =
      chunk_.defined() && step >= chunk_first_ && step < chunk_first_ + chunk_.size(0);
  if (!is_here) {
    chunk_first_ = step - step % chunk_steps_;
    chunk_.reset();  // so that two chunks never lie in memory at once
    chunk_ = make_(chunk_first_, std::min(chunk_steps_, steps_ - chunk_first_));
  }
  const at::Tensor row = chunk_[step - chunk_first_];
  if (row_.defined()) {
    row_.copy_(row);
  } else {
    row_ = row.clone();
  }
  return row_;
}

}  // namespace sd
