#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "io/exif_comment.h"
#include "io/picture_format.h"

namespace sd {

/// What a picture file says beside its pixels.
struct PictureMetadata {
  PictureFormat format = PictureFormat::kPng;
  int width = 0;  ///< pixels, upright as EXIF's orientation says
  int height = 0;
  std::map<std::string, std::string> texts;  ///< PNG: keyword -> text
  ExifTexts exif;
};

/// Reads the head of a PNG, JPEG or WebP file, told apart by content, and its texts; no pixels.
/// `name` names it in errors: kInput where it is none of these, is cut short before its texts, or
/// holds more than 64 MiB of text. Reads nothing outside `bytes`.
PictureMetadata read_picture_metadata(std::span<const std::uint8_t> bytes, const std::string& name);

}  // namespace sd
