#include "models/unet/embeddings.h"

#include <numbers>

#include "core/check.h"
#include "nn/attention.h"

namespace sd {

at::Tensor FourierFeatures::forward(const at::Tensor& times) const {
  const at::Tensor angles =
      times.unsqueeze(1) * weight.to(at::kFloat).unsqueeze(0) * 2 * std::numbers::pi;
  const at::Tensor sine = at::sin(angles);
  const at::Tensor cosine = at::cos(angles);
  return at::cat(flip_sin_to_cos_ ? at::TensorList{cosine, sine} : at::TensorList{sine, cosine}, 1);
}

at::Tensor EmbeddingTable::forward(const at::Tensor& labels) const {
  const at::Tensor rows = labels.to(at::kCPU, at::kLong);
  const int64_t first = rows.min().item<int64_t>();
  const int64_t last = rows.max().item<int64_t>();
  SD_CHECK(first >= 0 && last < weight.size(0), ErrorKind::kModel,
           "class labels of this UNet should lie from 0 to ", weight.size(0) - 1, ", found ", first,
           " to ", last);
  return at::embedding(weight, rows.to(weight.device()));
}

AttentionPooling::AttentionPooling(const Weights& w, int64_t width, int64_t heads) : heads_(heads) {
  positional_embedding_ =
      register_parameter("positional_embedding", w.get("positional_embedding", {1, width}), false);
  k_proj_ = make_child<Linear>(this, w, "k_proj", width, width);
  q_proj_ = make_child<Linear>(this, w, "q_proj", width, width);
  v_proj_ = make_child<Linear>(this, w, "v_proj", width, width);
}

at::Tensor AttentionPooling::forward(const at::Tensor& x) const {
  const at::Tensor mean = x.mean(1, /*keepdim=*/true) + positional_embedding_;  // [B, 1, width]
  const at::Tensor tokens = at::cat({mean, x}, 1);                              // [B, 1 + T, width]
  const at::Tensor pooled = attention(split_heads(q_proj_->forward(mean), heads_),
                                      split_heads(k_proj_->forward(tokens), heads_),
                                      split_heads(v_proj_->forward(tokens), heads_));
  return merge_heads(pooled).squeeze(1);
}

TextTimeEmbedding::TextTimeEmbedding(const Weights& w, int64_t text_width, int64_t time_width,
                                     int64_t heads) {
  constexpr double kEps = 1e-5;
  norm1_ = make_child<LayerNorm>(this, w, "norm1", text_width, kEps);
  pool_ = make_child<AttentionPooling>(this, w, "pool", text_width, heads);
  proj_ = make_child<Linear>(this, w, "proj", text_width, time_width);
  norm2_ = make_child<LayerNorm>(this, w, "norm2", time_width, kEps);
}

at::Tensor TextTimeEmbedding::forward(const at::Tensor& text) const {
  return norm2_->forward(proj_->forward(pool_->forward(norm1_->forward(text))));
}

}  // namespace sd
