#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace sd {

/// Memory of one GPU, in bytes.
struct DeviceMemory {
  uint64_t total = 0;
  uint64_t free = 0;  ///< as the driver sees it: what the caching allocator keeps is not free
  uint64_t used = 0;  ///< by tensors of this process
  uint64_t peak = 0;  ///< the most that tensors of this process used at once
};

/// Work that was recorded once and is run again with one launch. It reads and writes the memory
/// that it was recorded with. Destroy it before the process ends.
class RecordedWork {
 public:
  virtual ~RecordedWork() = default;

  /// Runs it on the current stream of its device; does not wait for the end.
  virtual void replay() = 0;
};

/// What only a GPU can do, implemented by the CUDA half (src/cuda). A device is an index,
/// 0 to device_count() - 1. Tensors move with at::Tensor::to as everywhere.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual int device_count() const = 0;
  virtual std::string device_name(int device) const = 0;

  virtual DeviceMemory memory(int device) const = 0;
  /// DeviceMemory::peak starts anew from what is used now.
  virtual void reset_peak(int device) = 0;
  /// Gives cached, unused memory of every device back to the driver.
  virtual void empty_cache() = 0;
  /// Waits until the device has done all that it was told to do.
  virtual void synchronize(int device) = 0;

  /// The CPU tensor in page-locked memory, from which `to(device, non_blocking)` copies while the
  /// host goes on.
  virtual at::Tensor pinned_copy(const at::Tensor& source) = 0;

  /// Runs `work` three times to warm up libraries and caches, then records it as a CUDA graph.
  /// `work` reads tensors that stay where they are, writes its results into such tensors, never
  /// waits for the device and draws no random number. What it throws passes through.
  virtual std::unique_ptr<RecordedWork> record(int device, const std::function<void()>& work) = 0;
};

/// The CUDA half, loaded from libsd_cuda.so on the first call; nullptr where no GPU can be used.
/// Ask this before anything asks libtorch about CUDA: libtorch looks for its CUDA part once, and
/// answers "no CUDA" for good if that was not loaded by then (ATen/detail/CUDAHooksInterface.cpp).
Backend* gpu_backend();

/// Why gpu_backend() is nullptr, as a part of a sentence: "there is no NVIDIA driver (…)".
const std::string& gpu_unavailable_reason();

/// Loads a CUDA half. Errors: kUsage, with the loader's words, when the library is not there, does
/// not load or is none. Of use to gpu_backend() and to tests.
Backend& load_backend(const std::string& library);

}  // namespace sd
