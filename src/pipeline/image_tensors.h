#pragma once

#include <ATen/core/Tensor.h>
#include <vector>

#include "sd/pipeline.h"

namespace sd {

/// A picture as the autoencoder reads it: resized with Lanczos where its size differs, then
/// value / 255 * 2 - 1 in float32 (diffusers `VaeImageProcessor.preprocess`).
/// -> [1, 3, height, width]
at::Tensor picture_to_tensor(const Picture& picture, int width, int height);

/// Decoded images as pictures: x / 2 + 0.5 clamped to [0, 1], times 255, rounded half to even
/// (diffusers `VaeImageProcessor.postprocess`). images [B, 3, H, W], any device and dtype
std::vector<Picture> tensor_to_pictures(const at::Tensor& images);

/// One image's latents [C, h, w] on any device -> float32 values
Latents tensor_to_latents(const at::Tensor& latents);

/// -> float32 [1, C, h, w]
at::Tensor latents_to_tensor(const Latents& latents);

}  // namespace sd
