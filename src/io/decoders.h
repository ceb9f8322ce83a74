#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "io/picture.h"

namespace sd {

/// The two formats that are read. `bytes` is a whole file, `name` names it in errors (kInput). Each
/// checks the size in the header before anything is decoded, and turns the picture upright.

Picture decode_png(std::span<const std::uint8_t> bytes, const std::string& name);
Picture decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& name);

/// Throws kInput where a side is 0, longer than 20,000 pixels, or the area is above 256 Mpx (2^28):
/// more than any real input, less than what exhausts the memory.
void check_picture_size(std::uint64_t width, std::uint64_t height, const std::string& name);

}  // namespace sd
