#pragma once

#include <gtest/gtest.h>
#include <string>

#include "core/tensor_ops.h"
#include "io/weight_store.h"

namespace sd::testing {

/// The tensors of one golden file, by name: inputs and outputs that tools/make_fixtures.py recorded
/// from the pinned diffusers and transformers.
class Golden {
 public:
  /// `name` is relative to tests/data.
  explicit Golden(const std::string& name) : store_({std::string(SD_TEST_DATA "/") + name}) {}

  at::Tensor operator[](const std::string& name) { return store_.take(name, store_.shape(name)); }
  bool has(const std::string& name) const { return store_.has(name); }

 private:
  WeightStore store_;
};

/// |found - expected| <= tolerance · max(1, max|expected|) everywhere, with equal shapes.
inline ::testing::AssertionResult all_near(const at::Tensor& found, const at::Tensor& expected,
                                           double tolerance = 1e-4) {
  if (found.sizes() != expected.sizes()) {
    return ::testing::AssertionFailure()
           << "shape " << found.sizes() << ", expected " << expected.sizes();
  }
  const at::Tensor want = expected.to(at::kDouble);
  const at::Tensor difference = at::abs(found.to(at::kDouble) - want);
  const double scale = std::max(1.0, at::max(at::abs(want)).item<double>());
  const double worst = at::max(difference).item<double>();
  if (worst <= tolerance * scale) return ::testing::AssertionSuccess();  // false for NaN, too
  return ::testing::AssertionFailure()
         << "max |difference| " << worst << ", allowed " << tolerance * scale;
}

}  // namespace sd::testing
