#pragma once

#include "models/hunyuan_dit/hunyuan_attention.h"
#include "models/hunyuan_dit/hunyuan_dit_config.h"
#include "nn/gelu_feed_forward.h"

namespace sd {

/// LayerNorm, then a shift that the time makes (diffusers `AdaLayerNormShift`). Children: linear,
/// norm.
class ShiftedNorm : public torch::nn::Module {
 public:
  ShiftedNorm(const Weights& w, int64_t width, double eps)
      : linear_(make_child<Linear>(this, w, "linear", width, width)),
        norm_(make_child<LayerNorm>(this, w, "norm", width, eps)) {}

  /// activated conditioning [M, D] -> [M, D]
  at::Tensor shift(const at::Tensor& activated) const { return linear_->forward(activated); }

  /// x [B, L, D], shift [B, D] -> [B, L, D]
  at::Tensor forward(const at::Tensor& x, const at::Tensor& shift) const {
    return norm_->forward(x).add_(shift.unsqueeze(1));
  }

 private:
  std::shared_ptr<Linear> linear_;
  std::shared_ptr<LayerNorm> norm_;
};

/// Whether a block sees what an earlier one made of the tokens.
enum class LongSkip { kNone, kYes };

/// A block of HunyuanDiT (Li et al. 2024, arXiv:2405.08748, fig. 7; diffusers `HunyuanDiTBlock`).
class HunyuanDitBlock : public torch::nn::Module {
 public:
  /// What a model call gives to each block besides its tokens.
  struct Call {
    at::Tensor shift;     ///< this block's, [B, D]
    at::Tensor rotation;  ///< [L, 1, d / 2] complex64
    int64_t step = 0;     ///< number of the model call in the bound run
  };

  HunyuanDitBlock(const Weights& w, const HunyuanDitConfig& config, LongSkip skip);

  /// activated conditioning [M, D] -> this block's shifts [M, D]
  at::Tensor shift(const at::Tensor& activated) const { return norm1_->shift(activated); }

  /// Makes keys and values of the text [B, T, text width].
  void bind(const at::Tensor& text) { attn2_->bind(text); }

  /// x [B, L, D]; skip [B, L, D], undefined where the block has none -> new x
  at::Tensor forward(const at::Tensor& x, const at::Tensor& skip, const Call& call) const;

  bool has_skip() const { return skip_linear_ != nullptr; }
  HunyuanAttention& self_attention() const { return *attn1_; }
  HunyuanAttention& cross_attention() const { return *attn2_; }

 private:
  std::shared_ptr<LayerNorm> skip_norm_;  ///< null without a skip, as the next
  std::shared_ptr<Linear> skip_linear_;
  std::shared_ptr<ShiftedNorm> norm1_;
  std::shared_ptr<HunyuanAttention> attn1_;
  std::shared_ptr<LayerNorm> norm2_;
  std::shared_ptr<HunyuanAttention> attn2_;
  std::shared_ptr<LayerNorm> norm3_;
  std::shared_ptr<GeluFeedForward> ff_;
};

}  // namespace sd
