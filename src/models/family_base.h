#pragma once

#include <algorithm>
#include <vector>

#include "models/autoencoder_part.h"
#include "models/family.h"

namespace sd {

/// What families have in common: an autoencoder, defaults, and for many questions the same answer.
class FamilyBase : public Family {
 public:
  FamilyDefaults defaults() const override { return defaults_; }
  int latent_factor() const override { return vae_.factor(); }
  int64_t latent_channels() const override { return vae_.config().latent_channels; }
  const SchedulerConfig& scheduler_config() const override { return scheduler_; }
  StrengthRule strength_rule() const override { return StrengthRule::kWholeSteps; }
  std::optional<int64_t> image_tokens(int64_t /*h*/, int64_t /*w*/) const override { return {}; }
  std::string t5_name() const override { return ""; }
  bool learns_variance() const override { return false; }
  PixelSize nearest_size(const Request& /*request*/, PixelSize wanted) const override {
    return wanted;
  }

  AutoencoderKl& autoencoder() override { return vae_.get(); }
  void release_autoencoder() override { vae_.release(); }

  double least_memory(int64_t images, Guidance guidance, int64_t h, int64_t w) const override {
    return std::max(call_memory(rows_of(images, guidance), h, w),
                    vae_.least_decode_memory(images, h, w));
  }
  FamilyNeeds needs(int64_t images, Guidance guidance, int64_t h, int64_t w) const override;
  std::optional<std::string> find_broken_weight() const override;

 protected:
  FamilyBase(ComponentPaths vae, SchedulerConfig scheduler, const LoadOptions& options,
             const Placement& placement)
      : placement_(placement),
        vae_(std::move(vae), options, placement),
        scheduler_(std::move(scheduler)) {}

  /// The files of the denoiser.
  virtual const ComponentPaths& denoiser_paths() const = 0;
  /// Its tensors by diffusers' names.
  virtual WeightStore open_denoiser() const { return WeightStore(denoiser_paths().weights); }
  /// Those of the text encoders.
  virtual std::vector<const ComponentPaths*> text_paths() const = 0;
  /// Bytes of the weights of all text encoders, in the types they compute in.
  virtual double text_weights() const = 0;
  /// Bytes that a call of the denoiser on so many rows surely needs beside the weights.
  virtual double call_memory(int64_t rows, int64_t h, int64_t w) const = 0;
  virtual std::vector<GridWork> call_work(const WeightStore& denoiser, int64_t rows, int64_t h,
                                          int64_t w) const = 0;

  static int64_t rows_of(int64_t images, Guidance guidance) {
    return guidance == Guidance::kOn ? 2 * images : images;
  }
  int64_t element_size() const { return static_cast<int64_t>(c10::elementSize(placement_.dtype)); }
  /// Whether all parts and a guided picture of the usual size do not fit into memory at once.
  bool is_short_for_one() const;

  Placement placement_;
  AutoencoderPart vae_;
  SchedulerConfig scheduler_;
  FamilyDefaults defaults_;
};

}  // namespace sd
