#include "text/t5_encoder.h"

#include <ATen/ops/isinf.h>
#include <cmath>

#include "core/check.h"
#include "text/attention_mask.h"
#include "text/t5_network.h"

namespace sd {
namespace {

constexpr const char* kShared = "shared.weight";
constexpr const char* kTied = "encoder.embed_tokens.weight";

/// Where any value is infinite, all are clamped to somewhat below the largest of float16
/// (transformers `T5Block.forward`).
at::Tensor clamp_infinities(const at::Tensor& x) {
  constexpr double kLargest = 65504, kMargin = 1000;
  const at::Tensor bound = at::where(at::isinf(x).any(), kLargest - kMargin, kLargest);
  return at::clamp(x, -bound, bound);
}

}  // namespace

at::Tensor relative_position_buckets(int64_t length, int64_t buckets, int64_t max_distance) {
  const at::Tensor positions = at::arange(length, at::kLong);
  const at::Tensor relative = positions.unsqueeze(0) - positions.unsqueeze(1);
  const at::Tensor distance = at::abs(relative);
  const int64_t half = buckets / 2;
  const int64_t exact = half / 2;
  const double span = std::log(static_cast<double>(max_distance) / static_cast<double>(exact));
  // Distance 0, whose logarithm is no number, is among the exact ones.
  const at::Tensor growing = at::log(at::clamp(distance, 1).to(at::kFloat) / exact) / span;
  const at::Tensor far =
      at::clamp(exact + (growing * (half - exact)).to(at::kLong), std::nullopt, half - 1);
  return (relative > 0).to(at::kLong) * half + at::where(distance < exact, distance, far);
}

RelativePositionBias::RelativePositionBias(const Weights& w, const T5Config& config)
    : weight(register_parameter("weight", w.get("weight", {config.buckets, config.heads}), false)),
      max_distance_(config.max_distance) {}

at::Tensor RelativePositionBias::forward(int64_t length) const {
  const std::lock_guard lock(mutex_);
  const bool fits = last_.defined() && last_.size(-1) == length &&
                    last_.device() == weight.device() && last_.dtype() == weight.dtype();
  if (!fits) {
    const at::Tensor numbers = relative_position_buckets(length, weight.size(0), max_distance_);
    last_ = at::embedding(weight, numbers.to(weight.device())).permute({2, 0, 1}).unsqueeze(0);
    last_ = last_.contiguous();
  }
  return last_;
}

T5Attention::T5Attention(const Weights& w, const T5Config& config, PositionBias bias)
    : heads_(config.heads) {
  const int64_t inner = config.heads * config.d_kv;
  q_ = make_child<Linear>(this, w, "q", config.d_model, inner, Bias::kNo);
  k_ = make_child<Linear>(this, w, "k", config.d_model, inner, Bias::kNo);
  v_ = make_child<Linear>(this, w, "v", config.d_model, inner, Bias::kNo);
  o_ = make_child<Linear>(this, w, "o", inner, config.d_model, Bias::kNo);
  if (bias == PositionBias::kNo) return;
  relative_attention_bias_ =
      make_child<RelativePositionBias>(this, w, "relative_attention_bias", config);
}

at::Tensor T5Attention::forward(const at::Tensor& x, const at::Tensor& bias) const {
  const at::Tensor q = split_heads(q_->forward(x), heads_);
  const at::Tensor k = split_heads(k_->forward(x), heads_);
  const at::Tensor v = split_heads(v_->forward(x), heads_);
  return o_->forward(merge_heads(attention(q, k, v, bias, Causal::kNo, /*scale=*/1.0)));
}

T5AttentionLayer::T5AttentionLayer(const Weights& w, const T5Config& config, PositionBias bias)
    : attention_(make_child<T5Attention>(this, w, "SelfAttention", config, bias)),
      layer_norm_(
          make_child<RmsNorm>(this, w, "layer_norm", config.d_model, config.layer_norm_epsilon)) {}

T5FeedForward::T5FeedForward(const Weights& w, const T5Config& config)
    : activation_(config.activation) {
  const bool gated = config.feed_forward == T5Config::FeedForward::kGated;
  const auto inwards = [&](const char* name) {
    return make_child<Linear>(this, w, name, config.d_model, config.d_ff, Bias::kNo);
  };
  wi_ = inwards(gated ? "wi_0" : "wi");
  if (gated) wi_1_ = inwards("wi_1");
  const at::ScalarType dtype = w.placement().dtype;
  const Weights kept = w.with_dtype(dtype == at::kHalf ? at::kFloat : dtype);
  wo_ = make_child<Linear>(this, kept, "wo", config.d_ff, config.d_model, Bias::kNo);
}

at::Tensor T5FeedForward::forward(const at::Tensor& x) const {
  at::Tensor inner = activate(activation_, wi_->forward(x));
  if (wi_1_) inner = inner * wi_1_->forward(x);
  return wo_->forward(inner.to(wo_->weight.scalar_type()));
}

T5FeedForwardLayer::T5FeedForwardLayer(const Weights& w, const T5Config& config)
    : feed_forward_(make_child<T5FeedForward>(this, w, "DenseReluDense", config)),
      layer_norm_(
          make_child<RmsNorm>(this, w, "layer_norm", config.d_model, config.layer_norm_epsilon)) {}

at::Tensor T5Block::forward(at::Tensor x, const at::Tensor& bias) const {
  x = x + layer_->attention->forward(x, bias);
  if (x.scalar_type() == at::kHalf) x = clamp_infinities(x);
  return x + layer_->feed_forward->forward(x);  // float32 for float16, see T5FeedForward
}

T5Stack::T5Stack(const Weights& w, const T5Config& config)
    : block_(register_module("block", std::make_shared<ModuleList<T5Block>>())),
      final_layer_norm_(make_child<RmsNorm>(this, w, "final_layer_norm", config.d_model,
                                            config.layer_norm_epsilon)) {
  for (int64_t i = 0; i < config.layers; ++i) {
    const PositionBias bias = i == 0 ? PositionBias::kOwn : PositionBias::kNo;
    block_->append(std::make_shared<T5Block>(w["block"][i], config, bias));
  }
}

at::Tensor T5Stack::forward(at::Tensor x, const at::Tensor& mask) const {
  at::Tensor bias = (*block_)[0].position_bias().forward(x.size(1));
  if (mask.defined()) bias = bias + additive_mask(mask, x);
  for (const auto& block : *block_) x = block->forward(x, bias);
  return final_layer_norm_->forward(x);
}

T5Encoder::Network::Network(const Weights& w, const T5Config& config)
    : shared_(make_child<Embedding>(this, w, "shared", config.vocab_size, config.d_model)),
      encoder_(make_child<T5Stack>(this, w, "encoder", config)) {}

T5Encoder::T5Encoder(const T5Config& config, std::shared_ptr<Network> network,
                     const Placement& placement)
    : config_(config), network_(std::move(network)), placement_(placement) {}

at::Tensor T5Encoder::encode(const at::Tensor& ids, const at::Tensor& mask) const {
  TORCH_INTERNAL_ASSERT(ids.dim() == 2 && ids.numel() > 0 && ids.scalar_type() == at::kLong &&
                        ids.is_cpu());
  TORCH_INTERNAL_ASSERT(!mask.defined() || mask.sizes() == ids.sizes());
  const auto largest = at::max(ids).item<int64_t>();
  SD_CHECK(largest < config_.vocab_size, ErrorKind::kModel, "the tokenizer gives the token ",
           largest, ", the text encoder has only ", config_.vocab_size,
           " ('vocab_size'): they do not belong together");
  return network_->forward(ids.to(placement_.device), mask);
}

std::unique_ptr<T5Encoder> load_t5_encoder(const std::filesystem::path& config_path,
                                           WeightStore& weights, const Placement& placement) {
  const T5Config config = read_t5_config(config_path);
  const bool has_shared = weights.has(kShared);
  weights.rename([&](const std::string& key) -> std::string {
    // transformers' T5EncoderModel passes over a decoder and over unexpected heads.
    if (key.find("decoder") != std::string::npos || key == "lm_head.weight") return "";
    if (key != kTied) return key;
    return has_shared ? "" : kShared;
  });
  auto network = std::make_shared<T5Encoder::Network>(Weights(weights, placement), config);
  weights.finish();
  return std::make_unique<T5Encoder>(config, std::move(network), placement);
}

}  // namespace sd
