#pragma once

#include "nn/activation.h"
#include "nn/attention.h"
#include "nn/linear.h"
#include "nn/make_child.h"
#include "nn/norm.h"

namespace sd {

struct ClipLayerShape {
  int64_t width = 0;
  int64_t heads = 1;
  int64_t mlp_width = 0;
  Activation activation = Activation::kQuickGelu;
  double norm_eps = 1e-5;
};

/// Multi-head self-attention (Vaswani et al. 2017, section 3.2.2) with biases.
class ClipAttention : public torch::nn::Module {
 public:
  ClipAttention(const Weights& w, int64_t width, int64_t heads)
      : heads_(heads),
        q_proj_(make_child<Linear>(this, w, "q_proj", width, width)),
        k_proj_(make_child<Linear>(this, w, "k_proj", width, width)),
        v_proj_(make_child<Linear>(this, w, "v_proj", width, width)),
        out_proj_(make_child<Linear>(this, w, "out_proj", width, width)) {}

  /// x [B, T, D] -> same shape
  at::Tensor forward(const at::Tensor& x, Causal causal) const {
    const at::Tensor q = split_heads(q_proj_->forward(x), heads_);
    const at::Tensor k = split_heads(k_proj_->forward(x), heads_);
    const at::Tensor v = split_heads(v_proj_->forward(x), heads_);
    return out_proj_->forward(merge_heads(attention(q, k, v, {}, causal)));
  }

 private:
  int64_t heads_;
  std::shared_ptr<Linear> q_proj_;
  std::shared_ptr<Linear> k_proj_;
  std::shared_ptr<Linear> v_proj_;
  std::shared_ptr<Linear> out_proj_;
};

class ClipMlp : public torch::nn::Module {
 public:
  ClipMlp(const Weights& w, const ClipLayerShape& shape)
      : activation_(shape.activation),
        fc1_(make_child<Linear>(this, w, "fc1", shape.width, shape.mlp_width)),
        fc2_(make_child<Linear>(this, w, "fc2", shape.mlp_width, shape.width)) {}

  /// x [B, T, D] -> same shape
  at::Tensor forward(const at::Tensor& x) const {
    return fc2_->forward(activate(activation_, fc1_->forward(x)));
  }

 private:
  Activation activation_;
  std::shared_ptr<Linear> fc1_;
  std::shared_ptr<Linear> fc2_;
};

/// A transformer layer with the norms in front (Radford et al. 2019, section 2.3).
class ClipLayer : public torch::nn::Module {
 public:
  ClipLayer(const Weights& w, const ClipLayerShape& shape)
      : layer_norm1_(make_child<LayerNorm>(this, w, "layer_norm1", shape.width, shape.norm_eps)),
        self_attn_(make_child<ClipAttention>(this, w, "self_attn", shape.width, shape.heads)),
        layer_norm2_(make_child<LayerNorm>(this, w, "layer_norm2", shape.width, shape.norm_eps)),
        mlp_(make_child<ClipMlp>(this, w, "mlp", shape)) {}

  /// x [B, T, D] -> same shape
  at::Tensor forward(at::Tensor x, Causal causal) const {
    x = x + self_attn_->forward(layer_norm1_->forward(x), causal);
    return x + mlp_->forward(layer_norm2_->forward(x));
  }

 private:
  std::shared_ptr<LayerNorm> layer_norm1_;
  std::shared_ptr<ClipAttention> self_attn_;
  std::shared_ptr<LayerNorm> layer_norm2_;
  std::shared_ptr<ClipMlp> mlp_;
};

/// The layers under the name that transformers gives them, `encoder.layers.N`.
class ClipLayers : public torch::nn::Module {
 public:
  ClipLayers(const Weights& w, int64_t count, const ClipLayerShape& shape)
      : layers_(register_module("layers", std::make_shared<ModuleList<ClipLayer>>())) {
    for (int64_t i = 0; i < count; ++i) {
      layers_->append(std::make_shared<ClipLayer>(w["layers"][i], shape));
    }
  }

  const ClipLayer& operator[](int64_t i) const { return (*layers_)[i]; }

 private:
  std::shared_ptr<ModuleList<ClipLayer>> layers_;
};

}  // namespace sd
