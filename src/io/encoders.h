#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "io/picture.h"

namespace sd {

/// The longest EXIF block of a JPEG file: its segment has 65,533 bytes, six of them a prefix.
inline constexpr std::size_t kMaxJpegExif = 65527;

/// The picture as a JPEG or WebP file that carries `exif`, a TIFF header and what follows it, where
/// that is not empty. `quality` goes from 1 to 100. Errors: kOutput for a picture that is empty or
/// too large for the format.
///
/// JPEG: baseline, 4:4:4, so that thin coloured lines keep their colour. `exif` has at most
/// kMaxJpegExif bytes.
std::vector<std::uint8_t> encode_jpeg(const Picture& picture, std::span<const std::uint8_t> exif,
                                      int quality);
/// WebP: lossless at quality 100; below it colours have half the resolution, as always in WebP.
std::vector<std::uint8_t> encode_webp(const Picture& picture, std::span<const std::uint8_t> exif,
                                      int quality);

/// Throws kOutput unless the picture has pixels, and as many as it says.
void check_whole(const Picture& picture);

}  // namespace sd
