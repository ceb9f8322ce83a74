#pragma once

#include <cstdint>
#include <vector>

#include "sd/pipeline.h"

#include "core/placement.h"
#include "models/lazy.h"
#include "models/model_folder.h"
#include "nn/grid_work.h"
#include "vae/autoencoder_kl.h"

namespace sd {

/// The autoencoder of a family, between latents and pictures.
class AutoencoderPart {
 public:
  /// Reads the config; the weights are read at first use. Errors: kModel, also for an autoencoder
  /// of something else than pictures in three channels.
  AutoencoderPart(ComponentPaths paths, const LoadOptions& options, const Placement& placement);

  const ComponentPaths& paths() const { return paths_; }
  const AutoencoderKlConfig& config() const { return config_; }
  /// Pixels a side that one latent cell stands for.
  int factor() const { return static_cast<int>(config_.scale_factor()); }

  AutoencoderKl& get() { return network_.get(); }
  void release() { network_.release(); }

  double weight_bytes() const;
  /// Bytes that decoding surely needs beside the weights.
  double least_decode_memory(int64_t images, int64_t h, int64_t w) const;
  std::vector<GridWork> decode_work(int64_t images, int64_t h, int64_t w) const;

 private:
  ComponentPaths paths_;
  Placement placement_;
  AutoencoderKlConfig config_;
  VaeMemory memory_;
  Lazy<AutoencoderKl> network_;
};

}  // namespace sd
