#pragma once

#include "vae/autoencoder_kl.h"

namespace sd {

/// Bytes that decoding latents of h x w cells surely needs beside the weights: the widest tensors
/// that are alive at once, of one image (slicing, and every CPU) or of all, of a tile with tiling;
/// and the pictures themselves. The true peak is higher, by less than twice.
double least_decode_memory(const AutoencoderKlConfig& config, const VaeMemory& memory,
                           const Placement& placement, int64_t images, int64_t h, int64_t w);

}  // namespace sd
