#pragma once

#include <filesystem>
#include <gtest/gtest.h>
#include <set>
#include <string>

#include "core/tensor_ops.h"
#include "io/weight_store.h"

namespace sd::testing {

/// A file of tests/data.
inline std::filesystem::path data_path(const std::string& name) {
  return std::filesystem::path(SD_TEST_DATA) / name;
}

/// The tensors of one golden file, by name: inputs and outputs that tools/make_fixtures.py recorded
/// from the pinned diffusers and transformers.
class Golden {
 public:
  /// `name` is relative to tests/data.
  explicit Golden(const std::string& name) : store_({data_path(name)}) {}

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

/// The parameters of the network are the tensors of the file: the same names, the same shapes.
template <typename Network>
::testing::AssertionResult has_exactly_the_tensors(const Network& network,
                                                   const std::filesystem::path& file) {
  const WeightStore store({file});
  std::set<std::string> names;
  for (const auto& item : network.named_parameters()) {
    names.insert(item.key());
    if (!store.has(item.key()) || item.value().sizes() != store.shape(item.key())) {
      return ::testing::AssertionFailure() << "no tensor " << item.key() << item.value().sizes();
    }
  }
  for (const std::string& name : store.names()) {
    if (!names.contains(name)) return ::testing::AssertionFailure() << "no parameter " << name;
  }
  return ::testing::AssertionSuccess();
}

}  // namespace sd::testing
