#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sd {

/// How many frames a whole GIF, WebP or PNG file has, as Pillow's n_frames counts them: 1 for a
/// still picture and for any other file. What is damaged is counted up to the damage.
std::size_t count_frames(std::span<const std::uint8_t> bytes);

}  // namespace sd
