#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sd/pipeline.h"

#include "core/placement.h"
#include "diffusion/scheduler_config.h"
#include "diffusion/strength.h"
#include "models/denoiser.h"
#include "models/model_folder.h"
#include "nn/grid_work.h"
#include "vae/autoencoder_kl.h"

namespace sd {

/// What a family takes for what the user left open.
struct FamilyDefaults {
  int width = 512;
  int height = 512;
  int steps = 50;
  int img2img_steps = 50;
  double scale = 7.5;
  double strength = 0.8;  ///< of img2img
};

/// Least memory is a lower bound; the true peak is below its double.
constexpr double kPeakOfLeast = 2;

/// What painting a batch takes, as far as configs and the shapes of weights tell.
struct FamilyNeeds {
  double text_weights = 0;  ///< bytes on the device
  double denoiser_weights = 0;
  double autoencoder_weights = 0;
  double call_memory = 0;  ///< bytes that a call of the denoiser surely needs beside the weights
  double decode_memory = 0;
  std::vector<GridWork> call;    ///< one call of the denoiser
  std::vector<GridWork> decode;  ///< of all images
};

/// Whether weights and a picture of those needs do not fit into so much memory at once.
bool is_short_of_memory(const FamilyNeeds& needs, std::optional<double> available);

/// The parts of a loaded model. The flow that joins them (src/pipeline) is the same for every
/// family. Parts are loaded by `load_weights` or when they are first asked for; `release` gives
/// their memory back.
class Family {
 public:
  virtual ~Family() = default;

  virtual FamilyDefaults defaults() const = 0;
  /// Width and height in pixels must be multiples of this.
  virtual int size_multiple() const = 0;
  /// Width and height in pixels can be no more than this.
  virtual int largest_side() const = 0;
  /// Pixels a side that one latent cell stands for.
  virtual int latent_factor() const = 0;
  virtual int64_t latent_channels() const = 0;
  /// The folder's scheduler as the family's pipeline uses it.
  virtual const SchedulerConfig& scheduler_config() const = 0;
  /// How much of a run img2img leaves out.
  virtual StrengthRule strength_rule() const = 0;
  /// How many tokens the denoiser makes of h x w latent cells, where the scheduler's times may
  /// depend on it; nothing for networks of other kinds.
  virtual std::optional<int64_t> image_tokens(int64_t h, int64_t w) const = 0;
  /// The type that the T5 text encoder computes in, "none" where the folder or the user leaves it
  /// out, empty for families without one.
  virtual std::string t5_name() const = 0;
  /// Whether the network's output has, after the channels of the latents, as many that say how
  /// large the variance of a step is.
  virtual bool learns_variance() const = 0;
  /// The size of the picture for a request that asks for `wanted`: another one in families that
  /// keep to a list of sizes.
  virtual PixelSize nearest_size(const Request& request, PixelSize wanted) const = 0;
  /// Errors: kUsage for a value that only this family can judge.
  virtual void check(const Request& request) const = 0;

  /// The prompts of a batch as the denoiser wants them: rows [negatives…, positives…] with
  /// guidance, else the positives alone, for pictures of that size. Prompts that are cut are
  /// reported to the observer.
  virtual Conditioning encode(const std::vector<Request>& batch, Guidance guidance, PixelSize size,
                              Observer& observer) = 0;
  /// Encodes what prompts of these requests are not yet known, for calls of `encode` to come.
  virtual void encode_ahead(const std::vector<Request>& requests, Observer& observer) = 0;
  virtual Denoiser& denoiser() = 0;
  virtual AutoencoderKl& autoencoder() = 0;

  /// Bytes that a batch of images of h x w latent cells surely needs on the device beside the
  /// weights; the true peak is higher.
  virtual double least_memory(int64_t images, Guidance guidance, int64_t h, int64_t w) const = 0;

  /// Reads the headers of the weight files. Errors: kModel.
  virtual FamilyNeeds needs(int64_t images, Guidance guidance, int64_t h, int64_t w) const = 0;

  /// File and tensor of the first weight that is NaN or infinite, as a sentence; nothing where all
  /// are finite. Reads every weight: for an explanation after a numeric failure.
  virtual std::optional<std::string> find_broken_weight() const = 0;

  /// Loads all parts that are not loaded yet.
  virtual void load_weights() = 0;
  virtual void release_text() = 0;
  virtual void release_denoiser() = 0;
  virtual void release_autoencoder() = 0;
};

/// Loads the model of a folder by the pipeline class that its model_index.json names.
/// Errors: kModel; an unknown class is named together with those that are known.
std::unique_ptr<Family> load_family(const LoadOptions& options, const Placement& placement,
                                    Observer& observer);

}  // namespace sd
