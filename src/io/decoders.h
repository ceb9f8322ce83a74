#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "io/picture.h"

namespace sd {

/// The formats that are read. `bytes` is a whole file of that format, as far as its first bytes
/// say, and `name` names it in errors (kInput). Each checks the size in the header before anything
/// is decoded, and turns the picture upright. Of an animation the first frame is read.

Picture decode_bmp(std::span<const std::uint8_t> bytes, const std::string& name);
Picture decode_gif(std::span<const std::uint8_t> bytes, const std::string& name);
Picture decode_png(std::span<const std::uint8_t> bytes, const std::string& name);
Picture decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& name);
Picture decode_webp(std::span<const std::uint8_t> bytes, const std::string& name);

/// How many frames such a file has. Of a damaged GIF those before the damage are counted.
std::size_t count_gif_frames(std::span<const std::uint8_t> bytes);
std::size_t count_webp_frames(std::span<const std::uint8_t> bytes);

/// Throws kInput where a side is 0, longer than 20,000 pixels, or the area is above 256 Mpx (2^28):
/// more than any real input, less than what exhausts the memory.
void check_picture_size(std::uint64_t width, std::uint64_t height, const std::string& name);

}  // namespace sd
