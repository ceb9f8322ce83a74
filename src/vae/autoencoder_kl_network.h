#pragma once

#include "vae/autoencoder_kl.h"
#include "vae/encoder_decoder.h"

namespace sd {

/// The modules of an AutoencoderKL, under the names that they have in diffusers.
class AutoencoderKl::Network : public torch::nn::Module {
 public:
  Network(const Weights& w, const AutoencoderKlConfig& config);

  /// image [B, 3, H, W] -> mean and logarithm of the variance [B, 2C, h, w]
  at::Tensor encode(const at::Tensor& image) const;

  /// latents [B, C, h, w] -> image [B, 3, H, W]
  at::Tensor decode(const at::Tensor& latents) const;

 private:
  std::shared_ptr<VaeEncoder> encoder_;
  std::shared_ptr<VaeDecoder> decoder_;
  std::shared_ptr<Conv2d> quant_conv_;       ///< null where the config says so
  std::shared_ptr<Conv2d> post_quant_conv_;  ///< as quant_conv_
};

}  // namespace sd
