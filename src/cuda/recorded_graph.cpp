#include "cuda/recorded_graph.h"

#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

namespace sd {
namespace {

constexpr int kWarmUps = 3;  // as torch.cuda.make_graphed_callables runs them

class RecordedGraph : public RecordedWork {
 public:
  RecordedGraph(c10::DeviceIndex device, const std::function<void()>& work) : device_(device) {
    const c10::cuda::CUDAGuard on_device(device_);
    // Legacy stream 0 cannot be recorded. The two waits order the side stream after all that
    // `work` reads and before all that reads its results.
    const c10::cuda::CUDAStream side = c10::cuda::getStreamFromPool(false, device_);
    c10::cuda::device_synchronize();
    {
      const c10::cuda::CUDAStreamGuard on_side(side);
      for (int i = 0; i < kWarmUps; ++i) work();
      side.synchronize();
      capture(work);
    }
    c10::cuda::device_synchronize();
  }

  void replay() override {
    const c10::cuda::CUDAGuard on_device(device_);
    graph_.replay();
  }

 private:
  void capture(const std::function<void()>& work) {
    // Thread-local: the host may allocate and copy on other threads meanwhile.
    graph_.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
    try {
      work();
    } catch (...) {
      try {
        graph_.capture_end();  // else the stream stays in capture mode
      } catch (const c10::Error&) {
        // Ignored, because what `work` threw says why the capture cannot end well.
      }
      throw;
    }
    graph_.capture_end();
  }

  c10::DeviceIndex device_;
  at::cuda::CUDAGraph graph_;
};

}  // namespace

std::unique_ptr<RecordedWork> record_graph(c10::DeviceIndex device,
                                           const std::function<void()>& work) {
  return std::make_unique<RecordedGraph>(device, work);
}

}  // namespace sd
