#pragma once

#include <memory>

#include "sd/pipeline.h"

#include "models/family.h"
#include "pipeline/run_plan.h"

namespace sd {

/// The one way from requests to pictures, the same for every family: encode, noise, bind, denoise,
/// decode.
class DiffusionPipeline : public Pipeline {
 public:
  DiffusionPipeline(const LoadOptions& options, Observer& observer);

  std::vector<Painted> paint(const std::vector<Request>& requests, Observer& observer) override;
  int size_multiple() const override { return family_->size_multiple(); }

 private:
  std::vector<Painted> paint_run(const RunPlan& plan, const std::vector<Request>& batch,
                                 Observer& observer);
  /// The clean latents of the inputs [B, C, h, w], float32 on the device; undefined for txt2img.
  at::Tensor encode_inputs(const RunPlan& plan, const std::vector<Request>& batch,
                           NoiseSource& noise);
  std::vector<Picture> decode(const at::Tensor& latents);

  LoadOptions options_;
  Placement placement_;
  std::unique_ptr<Family> family_;
};

}  // namespace sd
