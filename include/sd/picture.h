#pragma once

#include <cstdint>
#include <vector>

namespace sd {

/// A picture of 8-bit RGB pixels, interleaved, row after row from the top.
struct Picture {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> rgb;  ///< width * height * 3 bytes

  bool operator==(const Picture&) const = default;
};

}  // namespace sd
