#pragma once

#include <ATen/core/Tensor.h>

namespace sd {

/// What is added to attention scores of type and device of `like`: 0 where the mask is 1, else the
/// lowest number of the type (transformers `get_extended_attention_mask`). mask [B, T] on any
/// device -> [B, 1, 1, T]
at::Tensor additive_mask(const at::Tensor& mask, const at::Tensor& like);

}  // namespace sd
