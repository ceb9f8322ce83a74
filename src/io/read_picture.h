#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "io/picture.h"

namespace sd {

/// The picture in a PNG, JPEG, BMP, WebP or GIF file, told apart by content: the pixels of
/// `diffusers.utils.load_image`, that is `exif_transpose(Image.open(path)).convert("RGB")` of
/// Pillow (alpha is dropped, not composited; 16-bit gray is clipped; colour profiles are ignored;
/// of an animation the first frame). Throws kInput for anything else: no file, another
/// format, damaged or cut short, more than 20,000 pixels a side or 2^28 in all.
Picture read_picture(const std::filesystem::path& path);

/// The same from a whole file's bytes; `name` names them in errors.
Picture read_picture_bytes(std::span<const std::uint8_t> bytes, const std::string& name);

/// The most bytes of a file or of standard input: 1 GiB.
inline constexpr std::size_t kMaxInput = std::size_t{1} << 30;

/// All bytes of a regular file, or of what is open already under /dev/stdin or /dev/fd/N, at most
/// kMaxInput. Throws kInput for anything else, kInterrupted as below.
std::vector<std::uint8_t> read_input_file(
    const std::filesystem::path& path,
    const std::function<bool()>& is_stopped = [] { return false; });

/// Standard input up to its end. Throws kInput where it cannot be read or has more than `most`
/// bytes, kInterrupted as soon as `is_stopped` while it waits for them.
std::vector<std::uint8_t> read_standard_input(const std::function<bool()>& is_stopped,
                                              std::size_t most = kMaxInput);

}  // namespace sd
