#pragma once

#include "models/hunyuan_dit/attention_pool.h"
#include "models/hunyuan_dit/hunyuan_dit_config.h"
#include "nn/embedding.h"
#include "nn/timestep_mlp.h"

namespace sd {

/// The time, to which a vector is added that is made of the pooled text and, up to HunyuanDiT 1.1,
/// of the sizes of the picture and its style (Li et al. 2024, arXiv:2405.08748, section 2.1;
/// diffusers `HunyuanCombinedTimestepTextSizeStyleEmbedding`).
class TimeExtraEmbedding : public torch::nn::Module {
 public:
  TimeExtraEmbedding(const Weights& w, const HunyuanDitConfig& config);

  /// times [M] float32 -> [M, D] in the network's type
  at::Tensor embed_times(const at::Tensor& times, at::ScalarType dtype) const;

  /// What is added to it. t5 [N, T, W]; sizes [N, 6] float32: height and width of the original, of
  /// the target, top and left of the crop, where the network has them -> [N, D]
  at::Tensor embed_extra(const at::Tensor& t5, const at::Tensor& sizes) const;

 private:
  static constexpr int64_t kSinusoidWidth = 256;
  static constexpr int64_t kSizes = 6;

  std::shared_ptr<TimestepMlp> timestep_embedder_;
  std::shared_ptr<AttentionPool> pooler_;
  std::shared_ptr<Embedding> style_embedder_;  ///< null without sizes and style
  std::shared_ptr<TimestepMlp> extra_embedder_;
};

}  // namespace sd
