#include "io/weights.h"

#include "core/tensor_ops.h"

namespace sd {

Weights Weights::operator[](std::string_view child) const {
  Weights scope = *this;
  scope.prefix_ = full_name(child) + ".";
  return scope;
}

Weights Weights::with_dtype(at::ScalarType dtype) const {
  Weights scope = *this;
  scope.placement_.dtype = dtype;
  return scope;
}

std::string Weights::full_name(std::string_view name) const { return prefix_ + std::string(name); }

at::Tensor Weights::get(std::string_view name, at::IntArrayRef shape,
                        at::MemoryFormat format) const {
  return place(name, shape, placement_.dtype, format);
}

at::Tensor Weights::get_float(std::string_view name, at::IntArrayRef shape) const {
  return place(name, shape, at::kFloat, at::MemoryFormat::Contiguous);
}

at::Tensor Weights::place(std::string_view name, at::IntArrayRef shape, at::ScalarType dtype,
                          at::MemoryFormat format) const {
  const std::string key = full_name(name);
  const at::Tensor stored = store_->take(key, shape);
  const at::Tensor placed = stored.to(placement_.device, dtype).contiguous(format);
  if (!placed.is_alias_of(stored)) store_->drop_pages(key);
  return placed;
}

}  // namespace sd
