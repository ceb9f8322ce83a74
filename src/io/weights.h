#pragma once

#include <ATen/core/Tensor.h>
#include <string>
#include <string_view>

#include "core/placement.h"
#include "io/weight_store.h"

namespace sd {

/// A scope of a WeightStore, as modules see it: `w["attn1"]["to_q"].get("weight", {out, in})` reads
/// "…attn1.to_q.weight". Tensors come in the placement's dtype on its device; where the file has
/// them so already they stay views of the mapping, else the mapping's pages are given back.
class Weights {
 public:
  Weights(WeightStore& store, const Placement& placement) : store_(&store), placement_(placement) {}

  Weights operator[](std::string_view child) const;
  Weights operator[](int64_t index) const { return (*this)[std::to_string(index)]; }

  /// The same scope, whose tensors come in another dtype than the placement's.
  Weights with_dtype(at::ScalarType dtype) const;

  bool has(std::string_view name) const { return store_->has(full_name(name)); }
  /// The stored shape of a tensor, for the few layers whose form the weights decide.
  const std::vector<int64_t>& shape(std::string_view name) const {
    return store_->shape(full_name(name));
  }

  /// Errors: kModel with the full key, the expected and the found shape.
  at::Tensor get(std::string_view name, at::IntArrayRef shape,
                 at::MemoryFormat format = at::MemoryFormat::Contiguous) const;
  /// The same tensor in float32 whatever the placement says, for islands of fp32.
  at::Tensor get_float(std::string_view name, at::IntArrayRef shape) const;

  const Placement& placement() const { return placement_; }
  std::string full_name(std::string_view name) const;

 private:
  at::Tensor place(std::string_view name, at::IntArrayRef shape, at::ScalarType dtype,
                   at::MemoryFormat format) const;

  WeightStore* store_;
  Placement placement_;
  std::string prefix_;
};

}  // namespace sd
