#pragma once

#include "nn/attention_processor.h"
#include "nn/linear.h"
#include "nn/make_child.h"
#include "nn/norm.h"

namespace sd {

struct HunyuanAttentionShape {
  AttentionKind kind = AttentionKind::kSelf;
  int64_t heads = 1;
  int64_t head_width = 0;
  int64_t context_width = 0;  ///< the width of the image tokens for self-attention

  int64_t width() const { return heads * head_width; }
};

/// Rotary positions as complex numbers of length 1, which turn pairs by a product.
/// rope [2, L, d], cosines and sines of each angle twice -> [L, 1, d / 2] complex64
at::Tensor rotation_of(const at::Tensor& rope);

/// Attention over the image tokens or over the text, with a norm for the queries and one for the
/// keys; then queries turn by their places in the picture, and keys where they are the picture's
/// (diffusers `HunyuanAttnProcessor2_0`). Keys and values of the text are made once for a run.
class HunyuanAttention : public torch::nn::Module, public AttentionSlot {
 public:
  HunyuanAttention(const Weights& w, const HunyuanAttentionShape& shape);

  /// Makes keys and values of the text [B, T, context width]; for cross-attention.
  void bind(const at::Tensor& text);

  /// x [B, L, D], rotation [L, 1, d / 2] complex64, number of the model call -> [B, L, D], new
  at::Tensor forward(const at::Tensor& x, const at::Tensor& rotation, int64_t step) const;

 private:
  at::Tensor keys(const at::Tensor& context) const;
  at::Tensor values(const at::Tensor& context) const;

  std::shared_ptr<Linear> to_q_;
  std::shared_ptr<Linear> to_k_;
  std::shared_ptr<Linear> to_v_;
  std::shared_ptr<LayerNorm> norm_q_;
  std::shared_ptr<LayerNorm> norm_k_;
  std::shared_ptr<ModuleList<Linear>> to_out_;
  at::Tensor bound_k_;  ///< [B, T, heads, d]
  at::Tensor bound_v_;
};

}  // namespace sd
