#pragma once

#include <mutex>

#include "nn/activation.h"
#include "nn/attention.h"
#include "nn/linear.h"
#include "nn/make_child.h"
#include "nn/norm.h"
#include "text/t5_encoder.h"

namespace sd {

/// The bucket of each key's position relative to each query's, [length, length] int64 on the CPU: a
/// half for each direction, of it one half exact, the other growing with the logarithm of the
/// distance up to `max_distance` (Raffel et al. 2020, section 2.1; transformers
/// `T5Attention._relative_position_bucket`).
at::Tensor relative_position_buckets(int64_t length, int64_t buckets, int64_t max_distance);

/// A number for each bucket and head, `relative_attention_bias`.
class RelativePositionBias : public torch::nn::Module {
 public:
  RelativePositionBias(const Weights& w, const T5Config& config);

  /// What is added to the scores of `length` tokens [1, heads, length, length]; that of the last
  /// length is kept.
  at::Tensor forward(int64_t length) const;

  at::Tensor weight;  ///< [buckets, heads]

 private:
  int64_t max_distance_;
  mutable std::mutex mutex_;
  mutable at::Tensor last_;
};

enum class PositionBias { kNo, kOwn };

/// Self-attention without biases, and without scaling by the width of a head.
class T5Attention : public torch::nn::Module {
 public:
  T5Attention(const Weights& w, const T5Config& config, PositionBias bias);

  /// x [B, T, D], bias broadcastable to [B, heads, T, T] -> [B, T, D]
  at::Tensor forward(const at::Tensor& x, const at::Tensor& bias) const;

  /// The bias of all layers, which the first one has.
  const RelativePositionBias& position_bias() const { return *relative_attention_bias_; }

 private:
  int64_t heads_;
  std::shared_ptr<Linear> q_, k_, v_, o_;
  std::shared_ptr<RelativePositionBias> relative_attention_bias_;  ///< null but in the first layer
};

/// `layer.0`: attention, with its norm in front and without the residual.
class T5AttentionLayer : public torch::nn::Module {
 public:
  T5AttentionLayer(const Weights& w, const T5Config& config, PositionBias bias);

  /// x [B, T, D], bias broadcastable to [B, heads, T, T] -> [B, T, D]
  at::Tensor forward(const at::Tensor& x, const at::Tensor& bias) const {
    return attention_->forward(layer_norm_->forward(x), bias);
  }

  const RelativePositionBias& position_bias() const { return attention_->position_bias(); }

 private:
  std::shared_ptr<T5Attention> attention_;
  std::shared_ptr<RmsNorm> layer_norm_;
};

/// wo(act(wi_0(x)) · wi_1(x)) (Shazeer 2020, eq. 6), in T5 1.0 wo(act(wi(x))). With float16 weights
/// wo is float32 (`_keep_in_fp32_modules` of transformers), and so is what comes out.
class T5FeedForward : public torch::nn::Module {
 public:
  T5FeedForward(const Weights& w, const T5Config& config);

  /// x [B, T, D] -> same shape
  at::Tensor forward(const at::Tensor& x) const;

 private:
  Activation activation_;
  std::shared_ptr<Linear> wi_;    ///< `wi_0` where gated
  std::shared_ptr<Linear> wi_1_;  ///< null unless gated
  std::shared_ptr<Linear> wo_;
};

/// `layer.1`: feed-forward, with its norm in front and without the residual.
class T5FeedForwardLayer : public torch::nn::Module {
 public:
  T5FeedForwardLayer(const Weights& w, const T5Config& config);

  /// x [B, T, D] -> same shape
  at::Tensor forward(const at::Tensor& x) const {
    return feed_forward_->forward(layer_norm_->forward(x));
  }

 private:
  std::shared_ptr<T5FeedForward> feed_forward_;
  std::shared_ptr<RmsNorm> layer_norm_;
};

/// The two layers under the name that transformers gives their list, `layer`.
class T5Layers : public torch::nn::Module {
 public:
  T5Layers(const Weights& w, const T5Config& config, PositionBias bias)
      : attention(make_child<T5AttentionLayer>(this, w, "0", config, bias)),
        feed_forward(make_child<T5FeedForwardLayer>(this, w, "1", config)) {}

  std::shared_ptr<T5AttentionLayer> attention;
  std::shared_ptr<T5FeedForwardLayer> feed_forward;
};

class T5Block : public torch::nn::Module {
 public:
  T5Block(const Weights& w, const T5Config& config, PositionBias bias)
      : layer_(make_child<T5Layers>(this, w, "layer", config, bias)) {}

  /// x [B, T, D], bias broadcastable to [B, heads, T, T] -> [B, T, D]
  at::Tensor forward(at::Tensor x, const at::Tensor& bias) const;

  const RelativePositionBias& position_bias() const { return layer_->attention->position_bias(); }

 private:
  std::shared_ptr<T5Layers> layer_;
};

}  // namespace sd
