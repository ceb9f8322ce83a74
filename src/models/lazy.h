#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "core/cpu_allocator.h"

namespace sd {

/// A component that is loaded when it is first asked for and can be given back.
template <typename T>
class Lazy {
 public:
  explicit Lazy(std::function<std::unique_ptr<T>()> load) : load_(std::move(load)) {}

  T& get() {
    if (!value_) value_ = load_();
    return *value_;
  }
  bool is_loaded() const { return value_ != nullptr; }
  void release() {
    value_.reset();
    release_unused_cpu_memory();
  }

 private:
  std::function<std::unique_ptr<T>()> load_;
  std::unique_ptr<T> value_;
};

}  // namespace sd
