#include "models/hunyuan_dit/attention_pool.h"

#include "nn/attention.h"

namespace sd {

AttentionPool::AttentionPool(const Weights& w, const AttentionPoolShape& shape)
    : heads_(shape.heads),
      positional_embedding_(register_parameter(
          "positional_embedding", w.get("positional_embedding", {1 + shape.length, shape.width}),
          false)),
      q_proj_(make_child<Linear>(this, w, "q_proj", shape.width, shape.width)),
      k_proj_(make_child<Linear>(this, w, "k_proj", shape.width, shape.width)),
      v_proj_(make_child<Linear>(this, w, "v_proj", shape.width, shape.width)),
      c_proj_(make_child<Linear>(this, w, "c_proj", shape.width, shape.out_width)) {}

at::Tensor AttentionPool::forward(const at::Tensor& states) const {
  const at::Tensor mean = states.mean(1, /*keepdim=*/true);
  const at::Tensor all = at::cat({mean, states}, 1) + positional_embedding_;
  const at::Tensor q = split_heads(q_proj_->forward(all.narrow(1, 0, 1)), heads_);
  const at::Tensor k = split_heads(k_proj_->forward(all), heads_);
  const at::Tensor v = split_heads(v_proj_->forward(all), heads_);
  return c_proj_->forward(merge_heads(attention(q, k, v)).squeeze(1));
}

}  // namespace sd
