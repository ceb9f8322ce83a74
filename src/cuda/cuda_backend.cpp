#include <ATen/Context.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>

#include "core/backend.h"
#include "cuda/recorded_graph.h"

namespace sd {
namespace {

namespace allocator = c10::cuda::CUDACachingAllocator;

constexpr auto kAllPools = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);

class CudaBackend : public Backend {
 public:
  int device_count() const override { return c10::cuda::device_count(); }

  std::string device_name(int device) const override {
    return at::cuda::getDeviceProperties(started(device))->name;
  }

  DeviceMemory memory(int device) const override {
    const c10::cuda::CUDAGuard on_device(started(device));
    size_t free = 0;
    size_t total = 0;
    C10_CUDA_CHECK(cudaMemGetInfo(&free, &total));
    const auto stats = allocator::getDeviceStats(on_device.current_device().index());
    const auto& bytes = stats.allocated_bytes[kAllPools];
    return {.total = total,
            .free = free,
            .used = static_cast<uint64_t>(bytes.current),
            .peak = static_cast<uint64_t>(bytes.peak)};
  }

  void reset_peak(int device) override { allocator::resetPeakStats(started(device)); }

  void empty_cache() override { allocator::emptyCache(); }

  void synchronize(int device) override {
    const c10::cuda::CUDAGuard on_device(started(device));
    c10::cuda::device_synchronize();
  }

  at::Tensor pinned_copy(const at::Tensor& source) override {
    return source.contiguous().pin_memory();
  }

  std::unique_ptr<RecordedWork> record(int device, const std::function<void()>& work) override {
    return record_graph(started(device), work);
  }

 private:
  /// libtorch sets its allocator up on first use; its questions fail before that.
  static c10::DeviceIndex started(int device) {
    at::globalContext().lazyInitDevice(at::kCUDA);
    TORCH_CHECK(device >= 0 && device < c10::cuda::device_count(), "no CUDA device ", device);
    return static_cast<c10::DeviceIndex>(device);
  }
};

}  // namespace
}  // namespace sd

extern "C" __attribute__((visibility("default"))) sd::Backend* sd_cuda_backend() {
  static sd::CudaBackend backend;
  return &backend;
}
