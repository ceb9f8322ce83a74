#include "models/hunyuan_dit/hunyuan_dit_block.h"

namespace sd {
namespace {

constexpr double kNormEps = 1e-6;

HunyuanAttentionShape attention_shape(const HunyuanDitConfig& config, AttentionKind kind) {
  return {.kind = kind,
          .heads = config.heads,
          .head_width = config.head_width,
          .context_width = kind == AttentionKind::kSelf ? config.width() : config.text_width};
}

}  // namespace

HunyuanDitBlock::HunyuanDitBlock(const Weights& w, const HunyuanDitConfig& config, LongSkip skip) {
  const int64_t width = config.width();
  if (skip == LongSkip::kYes) {
    skip_norm_ = make_child<LayerNorm>(this, w, "skip_norm", 2 * width, kNormEps);
    skip_linear_ = make_child<Linear>(this, w, "skip_linear", 2 * width, width);
  }
  norm1_ = make_child<ShiftedNorm>(this, w, "norm1", width, kNormEps);
  attn1_ =
      make_child<HunyuanAttention>(this, w, "attn1", attention_shape(config, AttentionKind::kSelf));
  norm2_ = make_child<LayerNorm>(this, w, "norm2", width, kNormEps);
  attn2_ = make_child<HunyuanAttention>(this, w, "attn2",
                                        attention_shape(config, AttentionKind::kCross));
  norm3_ = make_child<LayerNorm>(this, w, "norm3", width, kNormEps);
  ff_ = make_child<GeluFeedForward>(this, w, "ff", width, config.inner_width());
}

at::Tensor HunyuanDitBlock::forward(const at::Tensor& in, const at::Tensor& skip,
                                    const Call& call) const {
  at::Tensor x = in;
  if (has_skip()) x = skip_linear_->forward(skip_norm_->forward(at::cat({x, skip}, -1)));
  // each part's output is new, so what went in is added to it in place
  x = attn1_->forward(norm1_->forward(x, call.shift), call.rotation, call.step).add_(x);
  x = attn2_->forward(norm2_->forward(x), call.rotation, call.step).add_(x);
  return ff_->forward(norm3_->forward(x)).add_(x);
}

}  // namespace sd
