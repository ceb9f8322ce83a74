#pragma once

#include "models/sd3/joint_attention.h"
#include "nn/gelu_feed_forward.h"
#include "nn/modulation.h"

namespace sd {

struct JointBlockShape {
  JointAttentionShape attention;
  bool is_dual = false;  ///< the image attends to itself a second time
};

/// Two-branch block of SD3 (Esser et al. 2024, arXiv:2403.03206, fig. 2b): image and text keep
/// their own weights and meet in one attention. With the second attention of SD3.5 medium.
class JointTransformerBlock : public torch::nn::Module {
 public:
  JointTransformerBlock(const Weights& w, const JointBlockShape& shape);

  /// Numbers in a row of its modulations.
  int64_t modulation_width() const { return (image_parts() + text_parts()) * width_; }

  /// activated conditioning [M, D] -> this block's modulations [M, modulation_width()], the scales
  /// with 1 added to them
  at::Tensor modulations(const at::Tensor& activated) const;

  /// x [B, L, D] and [B, T, D], modulations [B, modulation_width()], number of the model call
  /// -> the new streams, without text where the block does not hand it on
  Streams forward(const Streams& in, const at::Tensor& modulations, int64_t step) const;

  JointAttention& attention() const { return *attn_; }
  JointAttention* second_attention() const { return attn2_.get(); }

 private:
  bool hands_text_on() const { return ff_context_ != nullptr; }
  int64_t image_parts() const { return attn2_ ? 9 : 6; }
  int64_t text_parts() const { return hands_text_on() ? 6 : 2; }

  int64_t width_;
  std::shared_ptr<Modulation> norm1_;
  std::shared_ptr<Modulation> norm1_context_;
  std::shared_ptr<JointAttention> attn_;
  std::shared_ptr<JointAttention> attn2_;  ///< null without one
  std::shared_ptr<GeluFeedForward> ff_;
  std::shared_ptr<GeluFeedForward> ff_context_;  ///< null where no text is handed on
};

}  // namespace sd
