#pragma once

#include "models/unet/attention_layer.h"
#include "nn/norm.h"

namespace sd {

/// What a transformer of one level looks like.
struct TransformerShape {
  int64_t width = 0;
  int64_t text_width = 0;
  int64_t heads = 0;
  int64_t depth = 1;
  bool only_cross_attention = false;  ///< the first attention, too, looks at the text
};

/// Gated GELU (Shazeer 2020, arXiv:2002.05202): the first half of the projection is the value, the
/// second the gate.
class GeGlu : public torch::nn::Module {
 public:
  GeGlu(const Weights& w, int64_t in, int64_t out)
      : proj_(make_child<Linear>(this, w, "proj", in, 2 * out)) {}

  /// x [B, L, in] -> [B, L, out]
  at::Tensor forward(const at::Tensor& x) const {
    const auto value_gate = proj_->forward(x).chunk(2, -1);
    return at::gelu(value_gate[1]).mul_(value_gate[0]);
  }

 private:
  std::shared_ptr<Linear> proj_;
};

/// The gated MLP of a transformer block, four times as wide inside. Children: net.0, net.2.
class FeedForward : public torch::nn::Module {
 public:
  FeedForward(const Weights& w, int64_t width) : net_(make_child<Net>(this, w, "net", width)) {}

  /// x [B, L, width] -> same shape
  at::Tensor forward(const at::Tensor& x) const {
    return net_->project_out->forward(net_->gate->forward(x));
  }

 private:
  struct Net : torch::nn::Module {
    Net(const Weights& w, int64_t width)
        : gate(make_child<GeGlu>(this, w, "0", width, 4 * width)),
          project_out(make_child<Linear>(this, w, "2", 4 * width, width)) {}

    std::shared_ptr<GeGlu> gate;
    std::shared_ptr<Linear> project_out;
  };

  std::shared_ptr<Net> net_;
};

/// Self-attention, cross-attention, gated MLP, each behind a LayerNorm and beside a residual
/// (Rombach et al. 2022, appendix E.2.1; diffusers `BasicTransformerBlock`).
class TransformerBlock : public torch::nn::Module {
 public:
  TransformerBlock(const Weights& w, const TransformerShape& shape);

  /// x [B, L, width] -> same shape
  at::Tensor forward(at::Tensor x, int64_t step) const;

 private:
  std::shared_ptr<LayerNorm> norm1_;
  std::shared_ptr<AttentionLayer> attn1_;
  std::shared_ptr<LayerNorm> norm2_;
  std::shared_ptr<AttentionLayer> attn2_;
  std::shared_ptr<LayerNorm> norm3_;
  std::shared_ptr<FeedForward> ff_;
};

}  // namespace sd
