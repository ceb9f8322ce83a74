#include "nn/activation.h"

#include <ATen/ops/mish.h>
#include <ATen/ops/relu.h>

#include "core/check.h"
#include "core/tensor_ops.h"

namespace sd {

Activation parse_activation(const std::string& name, const std::string& where) {
  static const std::map<std::string_view, Activation> kNames = {
      {"silu", Activation::kSilu},
      {"swish", Activation::kSilu},
      {"gelu", Activation::kGelu},
      {"gelu_new", Activation::kGeluTanh},
      {"gelu_pytorch_tanh", Activation::kGeluTanh},
      {"quick_gelu", Activation::kQuickGelu},
      {"relu", Activation::kRelu},
      {"mish", Activation::kMish}};
  auto found = kNames.find(name);
  SD_CHECK(found != kNames.end(), ErrorKind::kModel, where, ": unknown activation '", name, "'");
  return found->second;
}

at::Tensor activate(Activation activation, const at::Tensor& x) {
  switch (activation) {
    case Activation::kSilu: return at::silu(x);
    case Activation::kGelu: return at::gelu(x);
    case Activation::kGeluTanh: return at::gelu(x, "tanh");
    case Activation::kQuickGelu: return x * at::sigmoid(x * 1.702);
    case Activation::kRelu: return at::relu(x);
    case Activation::kMish: return at::mish(x);
  }
  TORCH_INTERNAL_ASSERT(false);
}

}  // namespace sd
