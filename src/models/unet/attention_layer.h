#pragma once

#include "nn/attention_processor.h"
#include "nn/linear.h"
#include "nn/make_child.h"

namespace sd {

struct AttentionShape {
  AttentionKind kind = AttentionKind::kSelf;
  int64_t width = 0;
  int64_t context_width = 0;  ///< = width for self-attention
  int64_t heads = 0;
};

/// Multi-head attention (Vaswani et al. 2017, section 3.2.2; diffusers `Attention`) over the image
/// tokens themselves, or over the text, whose keys and values are made once for a run.
class AttentionLayer : public torch::nn::Module, public AttentionSlot {
 public:
  AttentionLayer(const Weights& w, const AttentionShape& shape);

  /// Makes keys and values of the text [B, T, context width]; for cross-attention.
  void bind(const at::Tensor& text);

  /// x [B, L, width] at model call `step` -> [B, L, width]
  at::Tensor forward(const at::Tensor& x, int64_t step) const;

 private:
  at::Tensor keys(const at::Tensor& context) const;
  at::Tensor values(const at::Tensor& context) const;

  std::shared_ptr<Linear> to_q_;
  std::shared_ptr<Linear> to_k_;
  std::shared_ptr<Linear> to_v_;
  std::shared_ptr<ModuleList<Linear>> to_out_;
  at::Tensor bound_k_;  ///< [B, heads, T, d]
  at::Tensor bound_v_;
};

}  // namespace sd
