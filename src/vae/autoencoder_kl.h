#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "core/config_reader.h"
#include "core/noise.h"
#include "core/placement.h"
#include "io/weight_store.h"
#include "nn/activation.h"

namespace sd {

/// The configuration of diffusers' AutoencoderKL, its defaults included.
struct AutoencoderKlConfig {
  int64_t in_channels = 3;
  int64_t out_channels = 3;
  std::vector<int64_t> block_out_channels = {64};  ///< one for each level, finest first
  int64_t layers_per_block = 1;
  Activation activation = Activation::kSilu;
  int64_t latent_channels = 4;
  int64_t norm_groups = 32;
  int64_t sample_size = 32;  ///< side of a tile in pixels; nothing else depends on it
  double scaling_factor = 0.18215;
  std::optional<double> shift_factor;
  std::vector<double> latents_mean;  ///< one for each latent channel, or empty
  std::vector<double> latents_std;   ///< as latents_mean
  bool force_upcast = true;          ///< overflows in half precision (SDXL): to be run in float32
  bool use_quant_conv = true;
  bool use_post_quant_conv = true;
  bool mid_block_add_attention = true;

  /// Pixels to a latent cell, along one side.
  int64_t scale_factor() const { return int64_t{1} << (block_out_channels.size() - 1); }
};

/// Errors: kModel for another class's config, unknown keys and values that make no network.
AutoencoderKlConfig read_autoencoder_kl_config(const std::filesystem::path& config_path);
AutoencoderKlConfig read_autoencoder_kl_config(ConfigReader reader);

/// Latents [B, C, h, w] as the diffusion model sees them, from those of the autoencoder:
/// (z - shift) · scale, or (z - mean) · scale / std where the config has a mean and a deviation for
/// each channel. In the latents' own dtype.
at::Tensor scale_latents(const AutoencoderKlConfig& config, const at::Tensor& latents);

/// The inverse of `scale_latents`.
at::Tensor unscale_latents(const AutoencoderKlConfig& config, const at::Tensor& latents);

/// A diagonal Gaussian over latents, [B, C, h, w] each; logvar lies in [-30, 20].
struct Posterior {
  at::Tensor mean;
  at::Tensor logvar;
};

/// mean + exp(logvar / 2) · n, n drawn in float32, one row for each row of the posterior
/// (diffusers `DiagonalGaussianDistribution.sample`).
at::Tensor sample(const Posterior& posterior, NoiseSource& noise);

/// Ways to need less memory. Both are off by default, as in diffusers.
struct VaeMemory {
  bool slicing = false;  ///< one image of the batch at a time; on the CPU always
  bool tiling = false;   ///< overlapping tiles of config.sample_size pixels; changes the result
};

/// The autoencoder of latent diffusion (Rombach et al. 2022, arXiv:2112.10752, section 3.1). On the
/// CPU an image's bits do not depend on the others of its batch.
class AutoencoderKl {
 public:
  class Network;

  AutoencoderKl(AutoencoderKlConfig config, std::shared_ptr<Network> network,
                const Placement& placement);

  /// image [B, 3, H, W] in [-1, 1], any dtype and device -> latents of H/f x W/f cells, in the
  /// network's dtype
  Posterior encode(const at::Tensor& image) const;

  /// latents [B, C, h, w] without scaling (see `unscale_latents`), any dtype and device
  /// -> image [B, 3, h·f, w·f], about [-1, 1], not clamped, channels_last
  at::Tensor decode(const at::Tensor& latents) const;

  /// Errors: kModel where tiling is asked of a config whose sample_size makes no tiles.
  void set_memory(const VaeMemory& memory);

  const AutoencoderKlConfig& config() const { return config_; }
  const Placement& placement() const { return placement_; }
  Network& network() const { return *network_; }

 private:
  at::Tensor moments(const at::Tensor& image) const;
  at::Tensor decode_together(const at::Tensor& latents) const;

  AutoencoderKlConfig config_;
  std::shared_ptr<Network> network_;
  Placement placement_;
  VaeMemory memory_;
};

/// Builds the network of a diffusers folder. Weights with the attention names and 1x1 convolutions
/// that diffusers wrote up to 0.18 load, too.
/// Errors: kModel for the config, and for missing, misshapen or left-over tensors, each by name.
std::unique_ptr<AutoencoderKl> load_autoencoder_kl(const std::filesystem::path& config_path,
                                                   WeightStore& weights,
                                                   const Placement& placement);

}  // namespace sd
