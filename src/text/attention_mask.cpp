#include "text/attention_mask.h"

#include <limits>

#include "core/tensor_ops.h"

namespace sd {

at::Tensor additive_mask(const at::Tensor& mask, const at::Tensor& like) {
  const double lowest = like.scalar_type() == at::kHalf ? -65504.0
                        : like.scalar_type() == at::kBFloat16
                            ? -3.3895313892515355e38
                            : std::numeric_limits<float>::lowest();
  return (1.0 - mask.to(like.options()).unsqueeze(1).unsqueeze(1)) * lowest;
}

}  // namespace sd
