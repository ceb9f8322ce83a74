#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "io/picture.h"

namespace sd {

/// The Orientation (1 to 8) in the first directory of an EXIF block (a TIFF header and what follows
/// it, with or without "Exif\0\0" before it), 1 also for values without a meaning; 0 where there is
/// none or the block is damaged. Reads nothing outside `tiff`.
int exif_orientation(std::span<const std::uint8_t> tiff);

/// The tiff:Orientation digit of an XMP packet, 0 where there is none.
int xmp_orientation(std::string_view packet);

/// The picture as it is meant to be seen: turned or mirrored as EXIF orientation 2 to 8 says, as
/// PIL.ImageOps.exif_transpose does; unchanged for any other value.
Picture upright(Picture picture, int orientation);

}  // namespace sd
