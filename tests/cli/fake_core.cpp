// An engine library for the tests of the program: it paints grey, and a prompt tells it what else
// to do.

#include <chrono>
#include <stdexcept>
#include <thread>

#include "sd/pipeline.h"

namespace sd {
namespace {

class GreyPipeline : public Pipeline {
 public:
  std::vector<Painted> paint(const std::vector<Request>& requests, Observer& observer) override {
    std::vector<Painted> painted;
    for (const Request& request : requests) painted.push_back(paint(request, observer));
    return painted;
  }
  void check(const std::vector<Request>&) const override {}
  void encode_ahead(const std::vector<Request>&, Observer&) override {}
  void load_weights(Observer& observer) override { observer.on_progress(Phase::kLoad, 0, 1); }
  ModelDefaults defaults() const override {
    return {8, 8, 20, 20, 7.5, 0.8, "ddim", "cpu", "fp32"};
  }
  int suggested_batch_size(const Request&) const override { return 2; }
  Estimate estimate(const std::vector<Request>&) override { return {}; }
  Bound evaluate_bound(const BoundRequest&, Observer&) override { return {}; }
  PixelSize picture_size(const Request&) const override { return {8, 8}; }
  LatentSpace latent_space() const override { return {}; }

 private:
  static Painted paint(const Request& request, Observer& observer) {
    constexpr int kSide = 8;
    if (request.prompt == "numeric") throw Error(ErrorKind::kNumeric, "NaN in the latents");
    if (request.prompt == "foreign") throw std::logic_error("a bug");
    if (request.prompt == "slow" || request.prompt == "deaf") wait(request, observer);
    Painted painted;
    painted.picture = {kSide, kSide, std::vector<uint8_t>(kSide * kSide * 3, 128)};
    painted.settings.width = painted.settings.height = kSide;
    painted.settings.sampler = "ddim";
    return painted;
  }

  /// Works for a minute; looks at the wish to stop between steps, or never.
  static void wait(const Request& request, Observer& observer) {
    constexpr int kSteps = 6000;
    for (int step = 0; step < kSteps; ++step) {
      observer.on_progress(Phase::kDenoise, step, kSteps);
      if (request.prompt == "slow" && observer.stop_requested()) {
        throw Error(ErrorKind::kInterrupted, "stopped");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
};

}  // namespace
}  // namespace sd

extern "C" __attribute__((visibility("default"))) sd::Pipeline* sd_load_pipeline(
    const sd::LoadOptions* options, sd::Observer* observer) {
  observer->on_progress(sd::Phase::kLoad, 0, 1);
  if (options->variant == "missing") {
    throw sd::Error(sd::ErrorKind::kModel, "there is no variant missing");
  }
  return new sd::GreyPipeline;
}
