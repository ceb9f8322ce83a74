#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace sd {

/// What queries and keys are made from: both from the image; the keys from the text; both from the
/// image and the text side by side (MMDiT).
enum class AttentionKind { kSelf, kCross, kJoint };

/// One attention layer of a network, as a processor sees it.
struct AttentionInfo {
  std::string name;  ///< e.g. "down_blocks.0.attentions.0.transformer_blocks.0.attn2"
  AttentionKind kind = AttentionKind::kSelf;
  int64_t width = 0;          ///< of the image tokens, all heads together
  int64_t context_width = 0;  ///< of the tokens that keys and values are made from
  int64_t heads = 0;
};

/// What one call of an attention layer works on.
struct AttentionCall {
  const AttentionInfo& layer;
  int64_t step;  ///< number of the model call in the bound run
  at::Tensor q;  ///< [B, heads, L, d]; of joint attention the image's tokens, then the text's
  at::Tensor k;  ///< [B, heads, T, d]; of joint attention as q
  at::Tensor v;  ///< [B, heads, T, d]
  int64_t image_tokens = 0;  ///< how many of the L are the image's: all but in joint attention
};

/// The part of an attention layer between its projections, which can be replaced: to look at the
/// attention maps, or to add another stream of keys and values (IP-Adapter: its own attention over
/// image tokens, with q, added to that over the text).
class AttentionProcessor {
 public:
  virtual ~AttentionProcessor() = default;

  /// -> [B, heads, L, d], which the layer merges and hands to its `to_out`
  virtual at::Tensor attend(const AttentionCall& call) = 0;
};

/// softmax(q k^T / sqrt(d)) v; one object for all layers.
std::shared_ptr<AttentionProcessor> default_attention_processor();

/// What every attention layer is to those who look at it: its description and its processor.
class AttentionSlot {
 public:
  const AttentionInfo& info() const { return info_; }
  void set_name(const std::string& name) { info_.name = name; }
  const std::shared_ptr<AttentionProcessor>& processor() const { return processor_; }
  void set_processor(std::shared_ptr<AttentionProcessor> processor) {
    processor_ = std::move(processor);
  }

 protected:
  explicit AttentionSlot(AttentionInfo info = {}) : info_(std::move(info)) {}
  ~AttentionSlot() = default;

  AttentionInfo info_;
  std::shared_ptr<AttentionProcessor> processor_ = default_attention_processor();
};

}  // namespace sd
