#pragma once

#include <ATen/core/Tensor.h>
#include <string>

namespace sd {

/// The activations that configs name.
enum class Activation { kSilu, kGelu, kGeluTanh, kQuickGelu, kRelu, kMish };

/// "silu"/"swish", "gelu" (erf), "gelu_new"/"gelu_pytorch_tanh" (tanh), "quick_gelu", "relu",
/// "mish". `where` names the config in the error. Errors: kModel for any other.
Activation parse_activation(const std::string& name, const std::string& where);

/// Elementwise, any shape. quick_gelu is x·sigmoid(1.702 x) (Hendrycks & Gimpel 2016, section 2).
at::Tensor activate(Activation activation, const at::Tensor& x);

}  // namespace sd
