#pragma once

#include <string>

#include "sd/pipeline.h"

namespace sd {

/// The text that goes into a picture under the keyword `parameters`, in AUTOMATIC1111's grammar and
/// order of fields (`modules/processing.py`, create_infotext). "Clip skip" counts as they do: one
/// more than --clip-skip. "RNG: CPU" says that the noise was drawn on the CPU.
std::string picture_parameters(const Request& request, const Settings& settings,
                               const std::string& model_name);

}  // namespace sd
