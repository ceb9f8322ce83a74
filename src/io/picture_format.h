#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/picture.h"

namespace sd {

/// The formats that pictures are written in.
enum class PictureFormat { kPng, kJpeg, kWebp };

/// Names of the formats; a file's name ends in one of them. Of two the first is the usual one.
inline constexpr std::array<std::pair<std::string_view, PictureFormat>, 4> kFormatNames = {{
    {"png", PictureFormat::kPng},
    {"jpg", PictureFormat::kJpeg},
    {"jpeg", PictureFormat::kJpeg},
    {"webp", PictureFormat::kWebp},
}};

/// "png", "jpg" or "webp".
std::string_view format_name(PictureFormat format);

/// "PNG", "JPEG" or "WebP": as people write it.
std::string_view format_title(PictureFormat format);

/// The format that the extension of a file's name says, in upper or lower case.
std::optional<PictureFormat> format_of_name(const std::filesystem::path& file);

/// The most pixels of a side that a file of that format can hold.
int max_side(PictureFormat format);

inline constexpr int kMaxQuality = 100;  ///< WebP: without loss
inline constexpr int kDefaultQuality = 95;

struct Encoding {
  PictureFormat format = PictureFormat::kPng;
  int quality = kDefaultQuality;  ///< 1 to kMaxQuality; PNG is always without loss
};

struct EncodedPicture {
  std::vector<std::uint8_t> bytes;  ///< the whole file
  std::string warning;              ///< what the format could not take of the parameters, or ""
};

/// The picture as a file with its parameters in it, a text as print_infotext makes it: in PNG under
/// the keyword `parameters`, in JPEG and WebP as the UserComment of EXIF. Equal input gives equal
/// bytes. Where the text is too long for JPEG the prompts are left out, and the field
/// "Left out: prompts" says so. Errors: kOutput for a picture that the format cannot hold.
EncodedPicture encode_picture(const Picture& picture, const std::string& parameters,
                              Encoding encoding = {});

}  // namespace sd
