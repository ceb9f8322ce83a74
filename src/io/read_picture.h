#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "io/picture.h"

namespace sd {

/// The picture in a PNG or JPEG file, told apart by content: the pixels of
/// `diffusers.utils.load_image`, that is `exif_transpose(Image.open(path)).convert("RGB")` of
/// Pillow (alpha is dropped, not composited; 16-bit gray is clipped; colour profiles are ignored).
/// Throws kInput for anything else: no regular file, another format, damaged or cut short, more
/// than 20,000 pixels a side or 2^28 in all.
Picture read_picture(const std::filesystem::path& path);

/// The same from a whole file's bytes; `name` names them in errors.
Picture read_picture_bytes(std::span<const std::uint8_t> bytes, const std::string& name);

/// All bytes of a regular file of at most 1 GiB, else throws kInput.
std::vector<std::uint8_t> read_input_file(const std::filesystem::path& path);

}  // namespace sd
