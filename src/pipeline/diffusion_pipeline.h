#pragma once

#include <map>
#include <memory>
#include <optional>
#include <tuple>

#include "sd/pipeline.h"

#include "models/family.h"
#include "pipeline/layer_speed.h"
#include "pipeline/run_plan.h"

namespace sd {

/// The one way from requests to pictures, the same for every family: encode, noise, bind, denoise,
/// decode.
class DiffusionPipeline : public Pipeline {
 public:
  DiffusionPipeline(const LoadOptions& options, Observer& observer);

  std::vector<Painted> paint(const std::vector<Request>& requests, Observer& observer) override;
  void check(const std::vector<Request>& requests) const override;
  void encode_ahead(const std::vector<Request>& requests, Observer& observer) override;
  void load_weights(Observer& observer) override;
  ModelDefaults defaults() const override;
  int suggested_batch_size(const Request& request) const override;
  Estimate estimate(const std::vector<Request>& requests) override;
  Bound evaluate_bound(const BoundRequest& request, Observer& observer) override;
  PixelSize picture_size(const Request& request) const override {
    return sd::picture_size(request, *family_);
  }
  LatentSpace latent_space() const override {
    return {static_cast<int>(family_->latent_channels()), family_->latent_factor()};
  }

 private:
  struct Part;

  /// What a run costs whatever its steps are.
  struct Costs {
    double call = 0;  // seconds
    double decode = 0;
    double memory = 0;  // bytes
  };

  const Costs& costs_of(const RunPlan& plan);
  /// Paints the requests of one plan into their places in `results`.
  void paint_run(const RunPlan& plan, const std::vector<Request>& requests,
                 std::vector<Painted>& results, Observer& observer);
  Conditioning encode_prompts(const RunPlan& plan, const std::vector<Part>& parts,
                              Observer& observer);
  at::Tensor first_latents(const RunPlan& plan, Part& part);
  /// All calls of all parts; their latents become the clean ones.
  void run_steps(const RunPlan& plan, std::vector<Part>& parts, const Conditioning& conditioning,
                 Observer& observer);
  Settings settings_of(const RunPlan& plan, const Part& part, const Request& request) const;
  /// The clean latents of the inputs [B, C, h, w], float32 on the device; undefined for txt2img.
  at::Tensor encode_inputs(const RunPlan& plan, const std::vector<Request>& batch,
                           NoiseSource& noise);
  /// The posterior [1, C, h, w] of a picture to start from. That of the last one is remembered:
  /// many images may start from one.
  const Posterior& encode_picture(const Picture& picture, const RunPlan& plan);
  std::vector<Picture> decode(const at::Tensor& latents);
  /// Shows the observer what the latents [B, C, h, w] of those requests would be as pictures.
  void preview(const std::vector<size_t>& indices, const at::Tensor& latents, Observer& observer);

  LoadOptions options_;
  Placement placement_;
  std::unique_ptr<Family> family_;

  struct Encoded {
    Picture picture;
    int width = 0;
    int height = 0;
    Posterior posterior;
  };
  std::optional<Encoded> encoded_;

  LayerSpeed speed_;
  std::map<std::tuple<int, int, Guidance, size_t>, Costs> costs_;  // by size, guidance and images
};

}  // namespace sd
