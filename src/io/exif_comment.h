#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sd {

/// An EXIF block (a TIFF header and what follows it) that holds one thing, the UserComment, in the
/// form that A1111's web UI has from piexif: big-endian, "UNICODE\0", then UTF-16 in big-endian.
/// `text` is UTF-8; what is none, and NUL, becomes U+FFFD.
std::vector<std::uint8_t> exif_with_comment(std::string_view text);

/// The texts of an EXIF block, in UTF-8.
struct ExifTexts {
  std::optional<std::string> comment;  ///< UserComment
  std::vector<std::string> strings;    ///< ASCII entries of the first directory, Make and Model say
};

/// Reads both byte orders; UserComment in UTF-16, ASCII or of undefined code. UTF-16 without a byte
/// order mark is big-endian in a big-endian block, as piexif writes and reads it; in a
/// little-endian one, where programs do as they like, the order in which more characters are Latin
/// counts. What is damaged is left out; reads nothing outside `tiff`.
ExifTexts read_exif_texts(std::span<const std::uint8_t> tiff);

}  // namespace sd
