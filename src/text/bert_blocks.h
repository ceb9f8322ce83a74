#pragma once

#include "nn/activation.h"
#include "nn/attention.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/make_child.h"
#include "nn/norm.h"
#include "text/bert_encoder.h"

namespace sd {

/// The sum of what a word, its type (always 0) and its position stand for, normed; `embeddings`.
class BertEmbeddings : public torch::nn::Module {
 public:
  BertEmbeddings(const Weights& w, const BertConfig& config);

  /// ids [B, T] on the weights' device -> [B, T, D]
  at::Tensor forward(const at::Tensor& ids) const;

 private:
  std::shared_ptr<Embedding> word_embeddings_, position_embeddings_, token_type_embeddings_;
  std::shared_ptr<LayerNorm> layer_norm_;  ///< `LayerNorm`
};

/// Multi-head self-attention (Vaswani et al. 2017, section 3.2.2) before its last matrix, `self`.
class BertSelfAttention : public torch::nn::Module {
 public:
  BertSelfAttention(const Weights& w, const BertConfig& config)
      : heads_(config.heads),
        query_(make_child<Linear>(this, w, "query", config.hidden_size, config.hidden_size)),
        key_(make_child<Linear>(this, w, "key", config.hidden_size, config.hidden_size)),
        value_(make_child<Linear>(this, w, "value", config.hidden_size, config.hidden_size)) {}

  /// x [B, T, D], mask broadcastable to [B, heads, T, T] or nothing -> [B, T, D]
  at::Tensor forward(const at::Tensor& x, const std::optional<at::Tensor>& mask) const {
    const at::Tensor q = split_heads(query_->forward(x), heads_);
    const at::Tensor k = split_heads(key_->forward(x), heads_);
    const at::Tensor v = split_heads(value_->forward(x), heads_);
    return merge_heads(attention(q, k, v, mask));
  }

 private:
  int64_t heads_;
  std::shared_ptr<Linear> query_, key_, value_;
};

/// norm(W y + x): how each half of a layer ends, with the norm behind the residual; `output`.
class BertOutput : public torch::nn::Module {
 public:
  BertOutput(const Weights& w, int64_t width, const BertConfig& config)
      : dense_(make_child<Linear>(this, w, "dense", width, config.hidden_size)),
        layer_norm_(make_child<LayerNorm>(this, w, "LayerNorm", config.hidden_size,
                                          config.layer_norm_eps)) {}

  /// y [B, T, width], residual x [B, T, D] -> [B, T, D]
  at::Tensor forward(const at::Tensor& y, const at::Tensor& x) const {
    return layer_norm_->forward(dense_->forward(y) + x);
  }

 private:
  std::shared_ptr<Linear> dense_;
  std::shared_ptr<LayerNorm> layer_norm_;  ///< `LayerNorm`
};

/// The first half of a layer, `attention`.
class BertAttention : public torch::nn::Module {
 public:
  BertAttention(const Weights& w, const BertConfig& config)
      : self_(make_child<BertSelfAttention>(this, w, "self", config)),
        output_(make_child<BertOutput>(this, w, "output", config.hidden_size, config)) {}

  /// As BertLayer::forward.
  at::Tensor forward(const at::Tensor& x, const std::optional<at::Tensor>& mask) const {
    return output_->forward(self_->forward(x, mask), x);
  }

 private:
  std::shared_ptr<BertSelfAttention> self_;
  std::shared_ptr<BertOutput> output_;
};

/// The widening matrix of the feed-forward and its activation, `intermediate`.
class BertIntermediate : public torch::nn::Module {
 public:
  BertIntermediate(const Weights& w, const BertConfig& config)
      : activation_(config.activation),
        dense_(make_child<Linear>(this, w, "dense", config.hidden_size, config.intermediate_size)) {
  }

  /// x [B, T, D] -> [B, T, intermediate_size]
  at::Tensor forward(const at::Tensor& x) const {
    return activate(activation_, dense_->forward(x));
  }

 private:
  Activation activation_;
  std::shared_ptr<Linear> dense_;
};

/// A transformer layer with the norms behind (Vaswani et al. 2017, figure 1).
class BertLayer : public torch::nn::Module {
 public:
  BertLayer(const Weights& w, const BertConfig& config)
      : attention_(make_child<BertAttention>(this, w, "attention", config)),
        intermediate_(make_child<BertIntermediate>(this, w, "intermediate", config)),
        output_(make_child<BertOutput>(this, w, "output", config.intermediate_size, config)) {}

  /// x [B, T, D], mask broadcastable to [B, heads, T, T] or nothing, added -> [B, T, D]
  at::Tensor forward(const at::Tensor& x, const std::optional<at::Tensor>& mask) const {
    const at::Tensor attended = attention_->forward(x, mask);
    return output_->forward(intermediate_->forward(attended), attended);
  }

 private:
  std::shared_ptr<BertAttention> attention_;
  std::shared_ptr<BertIntermediate> intermediate_;
  std::shared_ptr<BertOutput> output_;
};

}  // namespace sd
