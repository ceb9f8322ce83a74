#pragma once

#include <ATen/core/Tensor.h>

namespace sd {

/// Classifier-free guidance (Ho & Salimans 2022, arXiv:2207.12598):
/// negative + scale·(positive - negative). Both [B, C, h, w], scales [B, 1, 1, 1]: each image's
/// own.
at::Tensor guide(const at::Tensor& negative, const at::Tensor& positive, const at::Tensor& scales);

/// Mixes in, by the factor `rescale` (0 to 1), the guided output scaled to the standard deviation
/// of the positive one over all but the first dimension (Lin et al. 2023, arXiv:2305.08891, section
/// 3.4; diffusers `rescale_noise_cfg`). Both [B, C, h, w].
at::Tensor rescale_guided(const at::Tensor& guided, const at::Tensor& positive, double rescale);

}  // namespace sd
