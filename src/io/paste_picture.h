#pragma once

#include <cstdint>

#include "io/picture.h"

namespace sd {

/// Copies the picture into `canvas` with its upper left corner at `left`, `top`; it must fit there.
void paste_picture(Picture& canvas, const Picture& picture, int64_t left, int64_t top);

}  // namespace sd
