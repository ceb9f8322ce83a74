#pragma once

#include "models/sd3/sd3_config.h"
#include "nn/attention_processor.h"
#include "nn/linear.h"
#include "nn/make_child.h"
#include "nn/norm.h"

namespace sd {

/// The two streams of an MMDiT: tokens [B, L, D] of the image and [B, T, D] of the text.
struct Streams {
  at::Tensor image;
  at::Tensor text;  ///< undefined where there is none, or none any more
};

/// Does a block hand a text stream on? The last one does not.
enum class TextOutput { kYes, kNone };

/// What attends: the image with the text, or the image with itself alone.
enum class JointStreams { kImageAndText, kImage };

struct JointAttentionShape {
  int64_t heads = 1;
  int64_t head_width = 0;
  QkNorm qk_norm = QkNorm::kNone;
  JointStreams streams = JointStreams::kImageAndText;
  TextOutput text_output = TextOutput::kYes;

  int64_t width() const { return heads * head_width; }
};

/// One attention over the tokens of image and text side by side, each projected by weights of its
/// own (Esser et al. 2024, arXiv:2403.03206, section 4; diffusers `JointAttnProcessor2_0`).
class JointAttention : public torch::nn::Module, public AttentionSlot {
 public:
  JointAttention(const Weights& w, const JointAttentionShape& shape);

  /// Each stream [B, L, D], or as a picture [B, D, h, w], in which form it comes back. The text
  /// that comes back is undefined where the block does not hand it on. `step` is the number of the
  /// model call in the bound run, for processors.
  Streams forward(const Streams& in, int64_t step) const;

 private:
  struct Qkv {
    at::Tensor q;  ///< [B, T, heads, d]
    at::Tensor k;
    at::Tensor v;
  };

  Qkv project_image(const at::Tensor& x) const;
  Qkv project_text(const at::Tensor& x) const;
  at::Tensor heads_of(const Linear& projection, const RmsNorm* norm, const at::Tensor& x) const;

  JointAttentionShape shape_;
  std::shared_ptr<Linear> to_q_;
  std::shared_ptr<Linear> to_k_;
  std::shared_ptr<Linear> to_v_;
  std::shared_ptr<Linear> add_q_proj_;  ///< of the text; null without one, as the next
  std::shared_ptr<Linear> add_k_proj_;
  std::shared_ptr<Linear> add_v_proj_;
  std::shared_ptr<RmsNorm> norm_q_;  ///< null without norms, as the next
  std::shared_ptr<RmsNorm> norm_k_;
  std::shared_ptr<RmsNorm> norm_added_q_;
  std::shared_ptr<RmsNorm> norm_added_k_;
  std::shared_ptr<ModuleList<Linear>> to_out_;
  std::shared_ptr<Linear> to_add_out_;  ///< null where no text is handed on
};

}  // namespace sd
