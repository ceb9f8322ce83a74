#include "models/unet/transformer_block.h"

namespace sd {

TransformerBlock::TransformerBlock(const Weights& w, const TransformerShape& shape) {
  constexpr double kEps = 1e-5;
  const AttentionShape self{.kind = AttentionKind::kSelf,
                            .width = shape.width,
                            .context_width = shape.width,
                            .heads = shape.heads};
  const AttentionShape cross{.kind = AttentionKind::kCross,
                             .width = shape.width,
                             .context_width = shape.text_width,
                             .heads = shape.heads};
  norm1_ = make_child<LayerNorm>(this, w, "norm1", shape.width, kEps);
  attn1_ = make_child<AttentionLayer>(this, w, "attn1", shape.only_cross_attention ? cross : self);
  norm2_ = make_child<LayerNorm>(this, w, "norm2", shape.width, kEps);
  attn2_ = make_child<AttentionLayer>(this, w, "attn2", cross);
  norm3_ = make_child<LayerNorm>(this, w, "norm3", shape.width, kEps);
  ff_ = make_child<FeedForward>(this, w, "ff", shape.width);
}

at::Tensor TransformerBlock::forward(at::Tensor x, int64_t step) const {
  x = attn1_->forward(norm1_->forward(x), step).add_(x);
  x = attn2_->forward(norm2_->forward(x), step).add_(x);
  return ff_->forward(norm3_->forward(x)).add_(x);
}

}  // namespace sd
