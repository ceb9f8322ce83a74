#include "io/weights.h"

#include "core/tensor_ops.h"

namespace sd {

Weights Weights::operator[](std::string_view child) const {
  Weights scope = *this;
  scope.prefix_ = full_name(child) + ".";
  return scope;
}

std::string Weights::full_name(std::string_view name) const { return prefix_ + std::string(name); }

at::Tensor Weights::get(std::string_view name, at::IntArrayRef shape) const {
  return store_->take(full_name(name), shape).to(placement_.device, placement_.dtype);
}

at::Tensor Weights::get_float(std::string_view name, at::IntArrayRef shape) const {
  return store_->take(full_name(name), shape).to(placement_.device, at::kFloat);
}

}  // namespace sd
