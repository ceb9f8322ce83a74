#pragma once

#include "sd/pipeline.h"

namespace sd {

/// Whether it is one of the ten sizes that HunyuanDiT was trained on.
bool is_standard_size(PixelSize size);

/// The size that HunyuanDiT paints for one that is asked for: the sides rounded down to multiples
/// of 16; where that is none of the ten sizes, the one whose shape and then area come nearest
/// (diffusers pipeline_hunyuandit.py, `map_to_standard_shapes`).
PixelSize nearest_standard_size(PixelSize size);

}  // namespace sd
