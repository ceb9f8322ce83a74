#pragma once

#include <filesystem>
#include <string>

#include "sd/api.h"
#include "sd/picture.h"

namespace sd {

/// The picture in a PNG, JPEG, BMP, WebP or GIF file (its first frame), as diffusers' `load_image`
/// reads it: upright, alpha dropped. Errors: kInput.
SD_API Picture load_picture(const std::filesystem::path& path);

/// Writes a picture, whole or not at all, over what is there; the name ends in .png, .jpg or .webp.
/// `parameters` goes with it: in PNG under that keyword, else as the UserComment of EXIF.
/// Errors: kUsage for another ending, kOutput.
SD_API void save_picture(const std::filesystem::path& path, const Picture& picture,
                         const std::string& parameters = {});

}  // namespace sd
