#pragma once

#include "nn/embedding.h"
#include "text/clip_text_blocks.h"
#include "text/clip_text_model.h"

namespace sd {

/// Token and position embeddings, `embeddings`.
class ClipTextEmbeddings : public torch::nn::Module {
 public:
  ClipTextEmbeddings(const Weights& w, const ClipTextConfig& config);

  /// ids [B, T] -> [B, T, D]
  at::Tensor forward(const at::Tensor& ids) const;

 private:
  std::shared_ptr<Embedding> token_embedding_;
  std::shared_ptr<Embedding> position_embedding_;
};

/// Embeddings, layers and final norm, `text_model`.
class ClipTextTransformer : public torch::nn::Module {
 public:
  ClipTextTransformer(const Weights& w, const ClipTextConfig& config);

  /// ids [B, T] -> hidden state 0 [B, T, D]
  at::Tensor embed(const at::Tensor& ids) const { return embeddings_->forward(ids); }

  /// Hidden state i [B, T, D] -> hidden state i + 1
  at::Tensor run_layer(int64_t i, const at::Tensor& x) const {
    return (*encoder_)[i].forward(x, Causal::kYes);
  }

  /// x [..., D] -> same shape
  at::Tensor final_norm(const at::Tensor& x) const { return final_layer_norm_->forward(x); }

 private:
  std::shared_ptr<ClipTextEmbeddings> embeddings_;
  std::shared_ptr<ClipLayers> encoder_;
  std::shared_ptr<LayerNorm> final_layer_norm_;
};

/// The modules of a CLIPTextModel or CLIPTextModelWithProjection, under the names that they have in
/// transformers 4.
class ClipTextEncoder::Network : public torch::nn::Module {
 public:
  Network(const Weights& w, const ClipTextConfig& config, ClipTextHead head);

  const ClipTextTransformer& transformer() const { return *text_model_; }

  /// The state at the end of the text, after the final norm [B, D] -> [B, P]; unchanged without a
  /// projection.
  at::Tensor project(const at::Tensor& x) const {
    return text_projection_ ? text_projection_->forward(x) : x;
  }

 private:
  std::shared_ptr<ClipTextTransformer> text_model_;
  std::shared_ptr<Linear> text_projection_;  ///< null without one
};

}  // namespace sd
