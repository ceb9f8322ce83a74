#include "models/sd3/joint_attention.h"

#include "nn/attention.h"

namespace sd {
namespace {

constexpr double kNormEps = 1e-6;

/// [B, D, h, w] -> [B, h·w, D]; tokens stay as they are
at::Tensor as_tokens(const at::Tensor& x) {
  return x.dim() == 4 ? x.flatten(2).transpose(1, 2) : x;
}

/// The tokens in the form of `like`.
at::Tensor in_form_of(const at::Tensor& like, const at::Tensor& tokens) {
  return like.dim() == 4 ? tokens.transpose(1, 2).unflatten(2, {like.size(2), like.size(3)})
                         : tokens;
}

}  // namespace

JointAttention::JointAttention(const Weights& w, const JointAttentionShape& shape) : shape_(shape) {
  const int64_t width = shape.width();
  const bool has_text = shape.streams == JointStreams::kImageAndText;
  info_ = {.name = "",
           .kind = has_text ? AttentionKind::kJoint : AttentionKind::kSelf,
           .width = width,
           .context_width = width,
           .heads = shape.heads};
  const auto linear = [&](const char* name) {
    return make_child<Linear>(this, w, name, width, width);
  };
  const auto norm = [&](const char* name) {
    return make_child<RmsNorm>(this, w, name, shape.head_width, kNormEps);
  };
  to_q_ = linear("to_q");
  to_k_ = linear("to_k");
  to_v_ = linear("to_v");
  to_out_ = register_module("to_out", std::make_shared<ModuleList<Linear>>());
  to_out_->append(std::make_shared<Linear>(w["to_out"][0], width, width));
  const bool has_norms = shape.qk_norm == QkNorm::kRms;
  if (has_norms) {
    norm_q_ = norm("norm_q");
    norm_k_ = norm("norm_k");
  }
  if (!has_text) return;
  add_q_proj_ = linear("add_q_proj");
  add_k_proj_ = linear("add_k_proj");
  add_v_proj_ = linear("add_v_proj");
  if (has_norms) {
    norm_added_q_ = norm("norm_added_q");
    norm_added_k_ = norm("norm_added_k");
  }
  if (shape.text_output == TextOutput::kYes) to_add_out_ = linear("to_add_out");
}

/// x [B, T, D] -> [B, T, heads, d]
at::Tensor JointAttention::heads_of(const Linear& projection, const RmsNorm* norm,
                                    const at::Tensor& x) const {
  const at::Tensor heads = projection.forward(x).unflatten(-1, {shape_.heads, shape_.head_width});
  return norm ? norm->forward(heads) : heads;
}

JointAttention::Qkv JointAttention::project_image(const at::Tensor& x) const {
  return {heads_of(*to_q_, norm_q_.get(), x), heads_of(*to_k_, norm_k_.get(), x),
          heads_of(*to_v_, nullptr, x)};
}

/// Without queries where nobody asks what they find.
JointAttention::Qkv JointAttention::project_text(const at::Tensor& x) const {
  Qkv text{{}, heads_of(*add_k_proj_, norm_added_k_.get(), x), heads_of(*add_v_proj_, nullptr, x)};
  if (to_add_out_) text.q = heads_of(*add_q_proj_, norm_added_q_.get(), x);
  return text;
}

Streams JointAttention::forward(const Streams& in, int64_t step) const {
  const at::Tensor image = as_tokens(in.image);
  const int64_t tokens = image.size(1);
  Qkv all = project_image(image);
  if (add_k_proj_) {
    const Qkv text = project_text(as_tokens(in.text));
    if (text.q.defined()) all.q = at::cat({all.q, text.q}, 1);
    all.k = at::cat({all.k, text.k}, 1);
    all.v = at::cat({all.v, text.v}, 1);
  }
  const at::Tensor found = merge_heads(processor_->attend({.layer = info_,
                                                           .step = step,
                                                           .q = all.q.transpose(1, 2),
                                                           .k = all.k.transpose(1, 2),
                                                           .v = all.v.transpose(1, 2),
                                                           .image_tokens = tokens}));
  Streams out;
  out.image = in_form_of(in.image, (*to_out_)[0].forward(found.narrow(1, 0, tokens)));
  if (to_add_out_) {
    const at::Tensor text = found.narrow(1, tokens, found.size(1) - tokens);
    out.text = in_form_of(in.text, to_add_out_->forward(text));
  }
  return out;
}

}  // namespace sd
