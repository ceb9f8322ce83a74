#pragma once

#include "nn/activation.h"
#include "nn/linear.h"
#include "nn/make_child.h"

namespace sd {

/// The MLP of diffusion transformers, four times as wide inside, with GELU by its tanh
/// approximation (diffusers `FeedForward` with "gelu-approximate"). Children: net.0.proj, net.2.
class GeluFeedForward : public torch::nn::Module {
 public:
  GeluFeedForward(const Weights& w, int64_t width) : net_(make_child<Net>(this, w, "net", width)) {}

  /// x [B, L, width] -> same shape
  at::Tensor forward(const at::Tensor& x) const {
    return net_->out->forward(activate(Activation::kGeluTanh, net_->in->proj->forward(x)));
  }

 private:
  struct In : torch::nn::Module {
    In(const Weights& w, int64_t width)
        : proj(make_child<Linear>(this, w, "proj", width, 4 * width)) {}

    std::shared_ptr<Linear> proj;
  };

  struct Net : torch::nn::Module {
    Net(const Weights& w, int64_t width)
        : in(make_child<In>(this, w, "0", width)),
          out(make_child<Linear>(this, w, "2", 4 * width, width)) {}

    std::shared_ptr<In> in;
    std::shared_ptr<Linear> out;
  };

  std::shared_ptr<Net> net_;
};

}  // namespace sd
