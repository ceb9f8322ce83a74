#pragma once

#include "io/picture.h"

namespace sd {

/// The picture at width x height pixels, byte equal to Pillow's `Image.resize(…, LANCZOS)`:
/// a windowed sinc of radius 3 output or input pixels (whichever are larger), weights in 22-bit
/// fixed point, one pass for each axis, rounded to 8 bits after each (Pillow 13,
/// src/libImaging/Resample.c; older versions differ where they take the axes in another order).
/// Throws kUsage where a side is below 1.
Picture resize_lanczos(const Picture& picture, int width, int height);

}  // namespace sd
