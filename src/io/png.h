#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "io/picture.h"

namespace sd {

/// A text chunk: `keyword` has 1 to 79 printable ASCII characters, `value` is UTF-8.
struct PngText {
  std::string keyword;
  std::string value;
};

/// How hard to compress: the pixels are the same.
enum class PngEffort {
  kFast,
  kSmall,  ///< six times slower; a little smaller for photos, much for drawings with patterns
};

/// The picture as a PNG file: 8-bit RGB, not interlaced, no time stamp, so that equal input gives
/// equal bytes. A text is written as Pillow's PngInfo.add_text does: tEXt where Latin-1 can hold
/// it, else uncompressed iTXt (which is also taken where Latin-1 bytes would pass for UTF-8).
/// Invalid UTF-8 and NUL, which PNG cannot hold, become U+FFFD.
std::vector<std::uint8_t> encode_png(const Picture& picture, std::span<const PngText> texts = {},
                                     PngEffort effort = PngEffort::kFast);

/// Keyword -> UTF-8 text of all text chunks (tEXt, zTXt, iTXt) of a PNG file; throws kInput where
/// it is no whole PNG file or holds more than 64 MiB of text.
std::map<std::string, std::string> read_png_text(const std::filesystem::path& path);

}  // namespace sd
