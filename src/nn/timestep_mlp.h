#pragma once

#include "nn/activation.h"
#include "nn/linear.h"
#include "nn/make_child.h"

namespace sd {

struct TimestepMlpShape {
  int64_t in = 0;
  int64_t out = 0;
  Activation activation = Activation::kSilu;
  std::optional<Activation> post_activation = {};
  std::optional<int64_t> condition_width = {};
  std::optional<int64_t> hidden = {};  ///< between the layers, where that is not `out`
};

/// Two linear layers for a sinusoid or another vector (diffusers `TimestepEmbedding`; also
/// `PixArtAlphaTextProjection`, which is the same for text). SiLU is computed in float32 in every
/// type and rounded once, as diffusers' `FP32SiLU` is.
class TimestepMlp : public torch::nn::Module {
 public:
  TimestepMlp(const Weights& w, const TimestepMlpShape& shape)
      : activation_(shape.activation), post_activation_(shape.post_activation) {
    const int64_t hidden = shape.hidden.value_or(shape.out);
    linear_1_ = make_child<Linear>(this, w, "linear_1", shape.in, hidden);
    if (shape.condition_width) {
      cond_proj_ =
          make_child<Linear>(this, w, "cond_proj", *shape.condition_width, shape.in, Bias::kNo);
    }
    linear_2_ = make_child<Linear>(this, w, "linear_2", hidden, shape.out);
  }

  /// x [..., in] -> [..., out]
  at::Tensor forward(const at::Tensor& x) const {
    const at::Tensor y = linear_2_->forward(activate(activation_, linear_1_->forward(x)));
    return post_activation_ ? activate(*post_activation_, y) : y;
  }

  /// What is added to x for an embedded guidance scale [M, condition width] -> [M, in]
  at::Tensor project_condition(const at::Tensor& condition) const {
    return cond_proj_->forward(condition);
  }

 private:
  std::shared_ptr<Linear> linear_1_;
  std::shared_ptr<Linear> cond_proj_;  ///< none without condition
  std::shared_ptr<Linear> linear_2_;
  Activation activation_;
  std::optional<Activation> post_activation_;
};

}  // namespace sd
