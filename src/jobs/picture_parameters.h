#pragma once

#include <string>

#include "sd/pipeline.h"

namespace sd {

/// What a picture is made of beside its Request.
struct PictureOrigin {
  std::string model;         ///< its name
  std::string model_hash;    ///< SHA-256 of the denoising network's files; empty where not known
  std::string variant = {};  ///< of the weight files; empty: the plain ones
  std::string start = {};    ///< img2img: the file it starts from, without its folder
  bool vae_tiling = false;
};

// Fields that A1111 does not have.
inline constexpr const char* kInitImageField = "Init image";
inline constexpr const char* kInitLatentsField = "Init latents";
inline constexpr const char* kTilingField = "VAE tiling";

/// The text that goes into a picture under the keyword `parameters`, in AUTOMATIC1111's grammar and
/// order of fields (`modules/processing.py`, create_infotext). "Clip skip" counts as they do: one
/// more than --clip-skip. "Model hash" has the first ten digits. "RNG: CPU" says that the noise was
/// drawn on the CPU.
std::string picture_parameters(const Request& request, const Settings& settings,
                               const PictureOrigin& origin);

}  // namespace sd
