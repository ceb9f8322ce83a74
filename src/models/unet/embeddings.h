#pragma once

#include "nn/activation.h"
#include "nn/linear.h"
#include "nn/make_child.h"
#include "nn/norm.h"
#include "nn/timestep_mlp.h"

namespace sd {

/// Random Fourier features of the time (Tancik et al. 2020; diffusers `GaussianFourierProjection`
/// without logarithm). Parameter: weight [width/2].
class FourierFeatures : public torch::nn::Module {
 public:
  FourierFeatures(const Weights& w, int64_t width, bool flip_sin_to_cos)
      : weight(register_parameter("weight", w.get("weight", {width / 2}), false)),
        flip_sin_to_cos_(flip_sin_to_cos) {}

  /// times [M] float32 -> [M, width] float32
  at::Tensor forward(const at::Tensor& times) const;

  at::Tensor weight;

 private:
  bool flip_sin_to_cos_;
};

/// A row for each class (torch.nn.Embedding). Parameter: weight [count, width].
class EmbeddingTable : public torch::nn::Module {
 public:
  EmbeddingTable(const Weights& w, int64_t count, int64_t width)
      : weight(register_parameter("weight", w.get("weight", {count, width}), false)) {}

  /// labels [M] of whole numbers -> [M, width]. Errors: kModel for a label outside the table.
  at::Tensor forward(const at::Tensor& labels) const;

  at::Tensor weight;
};

/// One vector from a text: its mean attends to itself and all tokens (diffusers `AttentionPooling`,
/// after DeepFloyd IF).
class AttentionPooling : public torch::nn::Module {
 public:
  AttentionPooling(const Weights& w, int64_t width, int64_t heads);

  /// x [B, T, width] -> [B, width]
  at::Tensor forward(const at::Tensor& x) const;

 private:
  at::Tensor positional_embedding_;  ///< [1, width]
  std::shared_ptr<Linear> k_proj_;
  std::shared_ptr<Linear> q_proj_;
  std::shared_ptr<Linear> v_proj_;
  int64_t heads_;
};

/// The text as an addition to the time embedding (diffusers `TextTimeEmbedding`).
class TextTimeEmbedding : public torch::nn::Module {
 public:
  TextTimeEmbedding(const Weights& w, int64_t text_width, int64_t time_width, int64_t heads);

  /// text [B, T, text width] -> [B, time width]
  at::Tensor forward(const at::Tensor& text) const;

 private:
  std::shared_ptr<LayerNorm> norm1_;
  std::shared_ptr<AttentionPooling> pool_;
  std::shared_ptr<Linear> proj_;
  std::shared_ptr<LayerNorm> norm2_;
};

}  // namespace sd
