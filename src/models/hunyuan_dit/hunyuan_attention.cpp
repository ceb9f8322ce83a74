#include "models/hunyuan_dit/hunyuan_attention.h"

#include <ATen/ops/complex.h>
#include <ATen/ops/view_as_complex.h>

#include "nn/attention.h"

namespace sd {
namespace {

constexpr double kNormEps = 1e-6;

/// Turns each pair of neighbours in x [B, L, heads, d], which nobody else holds; in float32, then
/// rounded to the type of x.
at::Tensor turn(const at::Tensor& x, const at::Tensor& rotation) {
  const at::Tensor wide = x.to(at::kFloat);
  at::view_as_complex(wide.unflatten(-1, {-1, 2})).mul_(rotation);
  return wide.to(x.scalar_type());
}

}  // namespace

at::Tensor rotation_of(const at::Tensor& rope) {
  const at::Tensor once = rope.unflatten(-1, {-1, 2}).select(-1, 0);
  return at::complex(once[0].contiguous(), once[1].contiguous()).unsqueeze(1);
}

HunyuanAttention::HunyuanAttention(const Weights& w, const HunyuanAttentionShape& shape)
    : AttentionSlot({.name = "",
                     .kind = shape.kind,
                     .width = shape.width(),
                     .context_width = shape.context_width,
                     .heads = shape.heads}) {
  const int64_t width = shape.width();
  to_q_ = make_child<Linear>(this, w, "to_q", width, width);
  to_k_ = make_child<Linear>(this, w, "to_k", shape.context_width, width);
  to_v_ = make_child<Linear>(this, w, "to_v", shape.context_width, width);
  norm_q_ = make_child<LayerNorm>(this, w, "norm_q", shape.head_width, kNormEps);
  norm_k_ = make_child<LayerNorm>(this, w, "norm_k", shape.head_width, kNormEps);
  to_out_ = register_module("to_out", std::make_shared<ModuleList<Linear>>());
  to_out_->append(std::make_shared<Linear>(w["to_out"][0], width, width));
}

/// [B, T, context width] -> [B, T, heads, d]
at::Tensor HunyuanAttention::keys(const at::Tensor& context) const {
  return norm_k_->forward(to_k_->forward(context).unflatten(-1, {info_.heads, -1}));
}

at::Tensor HunyuanAttention::values(const at::Tensor& context) const {
  return to_v_->forward(context).unflatten(-1, {info_.heads, -1});
}

void HunyuanAttention::bind(const at::Tensor& text) {
  bound_k_ = keys(text);
  bound_v_ = values(text);
}

at::Tensor HunyuanAttention::forward(const at::Tensor& x, const at::Tensor& rotation,
                                     int64_t step) const {
  const bool is_self = info_.kind == AttentionKind::kSelf;
  const at::Tensor q = norm_q_->forward(to_q_->forward(x).unflatten(-1, {info_.heads, -1}));
  const at::Tensor k = is_self ? turn(keys(x), rotation) : bound_k_;
  const at::Tensor v = is_self ? values(x) : bound_v_;
  const at::Tensor found = processor_->attend({.layer = info_,
                                               .step = step,
                                               .q = turn(q, rotation).transpose(1, 2),
                                               .k = k.transpose(1, 2),
                                               .v = v.transpose(1, 2),
                                               .image_tokens = x.size(1)});
  return (*to_out_)[0].forward(merge_heads(found));
}

}  // namespace sd
