#include "io/paste_picture.h"

#include <algorithm>

namespace sd {

void paste_picture(Picture& canvas, const Picture& picture, int64_t left, int64_t top) {
  constexpr int64_t kBytesPerPixel = 3;
  const int64_t row_bytes = picture.width * kBytesPerPixel;
  const uint8_t* row = picture.rgb.data();
  for (int64_t y = top; y < top + picture.height; ++y, row += row_bytes) {
    std::copy_n(row, row_bytes, canvas.rgb.begin() + (y * canvas.width + left) * kBytesPerPixel);
  }
}

}  // namespace sd
