#pragma once

#include <ATen/core/Tensor.h>
#include <optional>

namespace sd {

enum class Causal { kNo, kYes };

/// [B, L, heads·d] -> [B, heads, L, d], a view
at::Tensor split_heads(const at::Tensor& x, int64_t heads);

/// [B, heads, L, d] -> [B, L, heads·d]
at::Tensor merge_heads(const at::Tensor& x);

/// softmax(scale q k^T + mask) v with scale 1 / sqrt(d) unless another is given (Vaswani et al.
/// 2017, eq. 1). The one place where every network attends. q [B, heads, L, d], k and v [B, heads,
/// T, d], mask broadcastable to [B, heads, L, T], added
/// -> [B, heads, L, d]
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const std::optional<at::Tensor>& mask = {}, Causal causal = Causal::kNo,
                     std::optional<double> scale = {});

}  // namespace sd
