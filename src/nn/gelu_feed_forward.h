#pragma once

#include "nn/activation.h"
#include "nn/linear.h"
#include "nn/make_child.h"

namespace sd {

/// The MLP of diffusion transformers, as a rule four times as wide inside, with GELU by its tanh
/// approximation (diffusers `FeedForward` with "gelu-approximate"). Children: net.0.proj, net.2.
class GeluFeedForward : public torch::nn::Module {
 public:
  GeluFeedForward(const Weights& w, int64_t width) : GeluFeedForward(w, width, 4 * width) {}
  GeluFeedForward(const Weights& w, int64_t width, int64_t inner_width)
      : net_(make_child<Net>(this, w, "net", width, inner_width)) {}

  /// x [B, L, width] -> same shape
  at::Tensor forward(const at::Tensor& x) const {
    return net_->out->forward(activate(Activation::kGeluTanh, net_->in->proj->forward(x)));
  }

 private:
  struct In : torch::nn::Module {
    In(const Weights& w, int64_t width, int64_t inner_width)
        : proj(make_child<Linear>(this, w, "proj", width, inner_width)) {}

    std::shared_ptr<Linear> proj;
  };

  struct Net : torch::nn::Module {
    Net(const Weights& w, int64_t width, int64_t inner_width)
        : in(make_child<In>(this, w, "0", width, inner_width)),
          out(make_child<Linear>(this, w, "2", inner_width, width)) {}

    std::shared_ptr<In> in;
    std::shared_ptr<Linear> out;
  };

  std::shared_ptr<Net> net_;
};

}  // namespace sd
