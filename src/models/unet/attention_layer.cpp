#include "models/unet/attention_layer.h"

#include "nn/attention.h"

namespace sd {

AttentionLayer::AttentionLayer(const Weights& w, const AttentionShape& shape)
    : AttentionSlot({.name = "",
                     .kind = shape.kind,
                     .width = shape.width,
                     .context_width = shape.context_width,
                     .heads = shape.heads}) {
  to_q_ = make_child<Linear>(this, w, "to_q", shape.width, shape.width, Bias::kNo);
  to_k_ = make_child<Linear>(this, w, "to_k", shape.context_width, shape.width, Bias::kNo);
  to_v_ = make_child<Linear>(this, w, "to_v", shape.context_width, shape.width, Bias::kNo);
  to_out_ = register_module("to_out", std::make_shared<ModuleList<Linear>>());
  to_out_->append(std::make_shared<Linear>(w["to_out"][0], shape.width, shape.width));
}

at::Tensor AttentionLayer::keys(const at::Tensor& context) const {
  return split_heads(to_k_->forward(context), info_.heads);
}

at::Tensor AttentionLayer::values(const at::Tensor& context) const {
  return split_heads(to_v_->forward(context), info_.heads);
}

void AttentionLayer::bind(const at::Tensor& text) {
  bound_k_ = keys(text);
  bound_v_ = values(text);
}

at::Tensor AttentionLayer::forward(const at::Tensor& x, int64_t step) const {
  const bool is_self = info_.kind == AttentionKind::kSelf;
  const AttentionCall call{.layer = info_,
                           .step = step,
                           .q = split_heads(to_q_->forward(x), info_.heads),
                           .k = is_self ? keys(x) : bound_k_,
                           .v = is_self ? values(x) : bound_v_,
                           .image_tokens = x.size(1)};
  return (*to_out_)[0].forward(merge_heads(processor_->attend(call)));
}

}  // namespace sd
