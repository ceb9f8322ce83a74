#include "models/hunyuan_dit/time_extra_embedding.h"

#include "nn/timestep_embedding.h"

namespace sd {

TimeExtraEmbedding::TimeExtraEmbedding(const Weights& w, const HunyuanDitConfig& config) {
  const int64_t width = config.width();
  timestep_embedder_ = make_child<TimestepMlp>(this, w, "timestep_embedder",
                                               TimestepMlpShape{kSinusoidWidth, width});
  pooler_ = make_child<AttentionPool>(this, w, "pooler",
                                      AttentionPoolShape{.length = config.t5_length,
                                                         .width = config.t5_width,
                                                         .out_width = config.pooled_width,
                                                         .heads = HunyuanDitConfig::kPoolHeads});
  int64_t extra_width = config.pooled_width;
  if (config.meta == PictureMeta::kSizesAndStyle) {
    style_embedder_ = make_child<Embedding>(this, w, "style_embedder", 1, width);
    extra_width += kSizes * kSinusoidWidth + width;
  }
  extra_embedder_ = make_child<TimestepMlp>(
      this, w, "extra_embedder",
      TimestepMlpShape{.in = extra_width, .out = width, .hidden = 4 * width});
}

at::Tensor TimeExtraEmbedding::embed_times(const at::Tensor& times, at::ScalarType dtype) const {
  const at::Tensor sinusoid = timestep_embedding(times, {.width = kSinusoidWidth});
  return timestep_embedder_->forward(sinusoid.to(dtype));
}

at::Tensor TimeExtraEmbedding::embed_extra(const at::Tensor& t5, const at::Tensor& sizes) const {
  const at::Tensor pooled = pooler_->forward(t5);
  if (!style_embedder_) return extra_embedder_->forward(pooled);
  const int64_t rows = t5.size(0);
  const at::Tensor sinusoid = timestep_embedding(sizes.flatten(), {.width = kSinusoidWidth});
  const at::Tensor style = style_embedder_->weight.expand({rows, -1});
  return extra_embedder_->forward(
      at::cat({pooled, sinusoid.to(pooled.scalar_type()).view({rows, -1}), style}, 1));
}

}  // namespace sd
