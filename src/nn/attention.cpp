#include "nn/attention.h"

#include "core/tensor_ops.h"

namespace sd {

at::Tensor split_heads(const at::Tensor& x, int64_t heads) {
  return x.unflatten(-1, {heads, x.size(-1) / heads}).transpose(1, 2);
}

at::Tensor merge_heads(const at::Tensor& x) { return x.transpose(1, 2).flatten(2); }

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const std::optional<at::Tensor>& mask, Causal causal,
                     std::optional<double> scale) {
  return at::scaled_dot_product_attention(q, k, v, mask, /*dropout_p=*/0.0, causal == Causal::kYes,
                                          scale);
}

}  // namespace sd
