// The one exported symbol of libsd_core.so, and the border where libtorch's errors become ours.

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <new>

#include "core/check.h"
#include "core/cpu_allocator.h"
#include "core/tensor_ops.h"
#include "pipeline/diffusion_pipeline.h"

namespace sd {
namespace {

constexpr const char* kLowerMemory =
    "lower --width, --height or --batch-size, or try --low-memory or --vae-tiling";

[[noreturn]] void rethrow(const c10::Error& error) {
  const std::string what = error.what_without_backtrace();
  const bool memory = dynamic_cast<const c10::OutOfMemoryError*>(&error) ||
                      what.find("can't allocate memory") != std::string::npos;
  SD_CHECK(!memory, ErrorKind::kMemory, "out of memory: ", kLowerMemory);
  throw std::runtime_error(what);
}

template <typename F>
auto translate_errors(F&& work) {
  try {
    c10::InferenceMode no_autograd;
    return work();
  } catch (const c10::Error& error) {
    rethrow(error);
  } catch (const std::bad_alloc&) {
    fail(ErrorKind::kMemory, "out of memory: ", kLowerMemory);
  }
}

/// Every call into the engine passes here.
class GuardedPipeline : public Pipeline {
 public:
  GuardedPipeline(const LoadOptions& options, Observer& observer)
      : pipeline_(translate_errors([&] {
          use_cached_cpu_memory();
          if (options.threads > 0) at::set_num_threads(options.threads);
          return std::make_unique<DiffusionPipeline>(options, observer);
        })) {}

  std::vector<Painted> paint(const std::vector<Request>& requests, Observer& observer) override {
    return translate_errors([&] { return pipeline_->paint(requests, observer); });
  }
  void check(const std::vector<Request>& requests) const override {
    translate_errors([&] { pipeline_->check(requests); });
  }
  void encode_ahead(const std::vector<Request>& requests, Observer& observer) override {
    translate_errors([&] { pipeline_->encode_ahead(requests, observer); });
  }
  void load_weights(Observer& observer) override {
    translate_errors([&] { pipeline_->load_weights(observer); });
  }
  ModelDefaults defaults() const override { return pipeline_->defaults(); }
  int suggested_batch_size(const Request& request) const override {
    return translate_errors([&] { return pipeline_->suggested_batch_size(request); });
  }
  Estimate estimate(const std::vector<Request>& requests) override {
    return translate_errors([&] { return pipeline_->estimate(requests); });
  }
  Bound evaluate_bound(const BoundRequest& request, Observer& observer) override {
    return translate_errors([&] { return pipeline_->evaluate_bound(request, observer); });
  }
  PixelSize picture_size(const Request& request) const override {
    return translate_errors([&] { return pipeline_->picture_size(request); });
  }
  LatentSpace latent_space() const override { return pipeline_->latent_space(); }

 private:
  std::unique_ptr<DiffusionPipeline> pipeline_;
};

}  // namespace
}  // namespace sd

extern "C" __attribute__((visibility("default"))) sd::Pipeline* sd_load_pipeline(
    const sd::LoadOptions* options, sd::Observer* observer) {
  return new sd::GuardedPipeline(*options, *observer);
}
