#include "models/sd3/joint_transformer_block.h"

#include <ATen/ops/addcmul.h>

namespace sd {
namespace {

constexpr double kNormEps = 1e-6;

/// One stream's modulations, [B, 1, D] each, in the order of AdaLN-Zero.
struct StreamModulation {
  explicit StreamModulation(const std::vector<at::Tensor>& parts)
      : shift_msa(parts[0]),
        scale_msa(parts[1]),
        gate_msa(parts[2]),
        shift_mlp(parts[3]),
        scale_mlp(parts[4]),
        gate_mlp(parts[5]) {}

  at::Tensor shift_msa;
  at::Tensor scale_msa;
  at::Tensor gate_msa;
  at::Tensor shift_mlp;
  at::Tensor scale_mlp;
  at::Tensor gate_mlp;
};

/// x + gate · change
at::Tensor add_gated(const at::Tensor& x, const at::Tensor& gate, const at::Tensor& change) {
  return at::addcmul(x, gate, change);
}

}  // namespace

JointTransformerBlock::JointTransformerBlock(const Weights& w, const JointBlockShape& shape)
    : width_(shape.attention.width()) {
  attn_ = make_child<JointAttention>(this, w, "attn", shape.attention);
  if (shape.is_dual) {
    JointAttentionShape alone = shape.attention;
    alone.streams = JointStreams::kImage;
    attn2_ = make_child<JointAttention>(this, w, "attn2", alone);
  }
  ff_ = make_child<GeluFeedForward>(this, w, "ff", width_);
  if (shape.attention.text_output == TextOutput::kYes) {
    ff_context_ = make_child<GeluFeedForward>(this, w, "ff_context", width_);
  }
  norm1_ = make_child<Modulation>(this, w, "norm1", width_, image_parts());
  norm1_context_ = make_child<Modulation>(this, w, "norm1_context", width_, text_parts());
}

at::Tensor JointTransformerBlock::modulations(const at::Tensor& activated) const {
  at::Tensor row = at::cat({norm1_->forward(activated), norm1_context_->forward(activated)}, 1);
  const auto add_1 = [&](int64_t part) { row.narrow(1, part * width_, width_).add_(1); };
  for (int64_t part = 1; part < image_parts(); part += 3) add_1(part);
  if (hands_text_on()) {
    add_1(image_parts() + 1);
    add_1(image_parts() + 4);
  } else {
    add_1(image_parts());  // diffusers `AdaLayerNormContinuous`: the scale comes first
  }
  return row;
}

Streams JointTransformerBlock::forward(const Streams& in, const at::Tensor& modulations,
                                       int64_t step) const {
  auto [x, text] = in;
  const std::vector<at::Tensor> parts = modulations.unsqueeze(1).split(width_, -1);
  const StreamModulation m(parts);
  const std::vector<at::Tensor> text_parts(parts.begin() + image_parts(), parts.end());
  const at::Tensor text_in = hands_text_on() ? modulate(text, text_parts[1], text_parts[0])
                                             : modulate(text, text_parts[0], text_parts[1]);

  const at::Tensor normed = at::layer_norm(x, {width_}, {}, {}, kNormEps);
  const Streams found =
      attn_->forward({at::addcmul(m.shift_msa, normed, m.scale_msa), text_in}, step);
  x = add_gated(x, m.gate_msa, found.image);
  if (attn2_) {  // sees the same norm of x as the first
    const at::Tensor again =
        attn2_->forward({at::addcmul(parts[6], normed, parts[7]), {}}, step).image;
    x = add_gated(x, parts[8], again);
  }
  x = add_gated(x, m.gate_mlp, ff_->forward(modulate(x, m.scale_mlp, m.shift_mlp)));
  if (!hands_text_on()) return {x, {}};

  const StreamModulation c(text_parts);
  text = add_gated(text, c.gate_msa, found.text);
  text =
      add_gated(text, c.gate_mlp, ff_context_->forward(modulate(text, c.scale_mlp, c.shift_mlp)));
  return {x, text};
}

}  // namespace sd
