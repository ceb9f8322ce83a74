#pragma once

#include <string>

#include "sd/pipeline.h"

namespace sd {

/// Which weights a picture is made with.
struct ModelIdentity {
  std::string name;
  std::string hash;  ///< SHA-256 of the denoising network's files; empty where it is not known
};

/// The text that goes into a picture under the keyword `parameters`, in AUTOMATIC1111's grammar and
/// order of fields (`modules/processing.py`, create_infotext). "Clip skip" counts as they do: one
/// more than --clip-skip. "Model hash" has the first ten digits. "RNG: CPU" says that the noise was
/// drawn on the CPU.
std::string picture_parameters(const Request& request, const Settings& settings,
                               const ModelIdentity& model);

}  // namespace sd
