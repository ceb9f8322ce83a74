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
inline constexpr const char* kSequenceLengthField = "Max sequence length";
inline constexpr const char* kSkipLayersField = "Skip layers";
inline constexpr const char* kSkipLayerScaleField = "Skip layer scale";
inline constexpr const char* kSkipLayerStartField = "Skip layer start";
inline constexpr const char* kSkipLayerStopField = "Skip layer stop";
inline constexpr const char* kBinningField = "Resolution binning";
inline constexpr const char* kOriginalSizeField = "Original size";
inline constexpr const char* kTargetSizeField = "Target size";
inline constexpr const char* kCropField = "Crop corner";
inline constexpr const char* kRopeGridField = "RoPE grid";
inline constexpr const char* kRoundedTimesField = "Rounded times";
inline constexpr const char* kVarianceField = "Variance";
inline constexpr const char* kT5Field = "T5";  ///< "none" where it was left out
inline constexpr const char* kNoT5 = "none";
inline constexpr const char* kT5DtypeField = "T5 dtype";

/// The text that goes into a picture under the keyword `parameters`, in AUTOMATIC1111's grammar and
/// order of fields (`modules/processing.py`, create_infotext). "Size" is that of the picture, be it
/// what was asked for or not. "Clip skip" counts as they do: one more than --clip-skip. "Model
/// hash" has the first ten digits. "RNG: CPU" says that the noise was drawn on the CPU. "T5 dtype"
/// is there where it is not that of the rest.
std::string picture_parameters(const Request& request, const Settings& settings,
                               const PictureOrigin& origin);

}  // namespace sd
