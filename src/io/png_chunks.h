#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sd {

/// One chunk of a PNG file; both members point into the file's bytes.
struct PngChunk {
  std::string_view type;
  std::span<const std::uint8_t> data;
};

/// Whether the bytes start as a PNG file does.
bool is_png(std::span<const std::uint8_t> bytes);

/// The integer in the four bytes there, in the order of PNG.
std::uint32_t big_endian(const std::uint8_t* bytes);

/// The chunks up to and with IEND, each complete and with the right checksum. Throws kInput (naming
/// `name`) where the file is cut short or damaged.
std::vector<PngChunk> png_chunks(std::span<const std::uint8_t> bytes, const std::string& name);

/// Keyword -> UTF-8 text of the tEXt, zTXt and iTXt chunks; of equal keywords the last counts, as
/// in Pillow. Damaged texts are left out; more than 64 MiB of text throws kInput.
std::map<std::string, std::string> png_text(std::span<const PngChunk> chunks,
                                            const std::string& name);

/// The bytes of a text "Raw profile type …" as ImageMagick writes it: two lines, a length, and then
/// hexadecimal digits. What follows a character that is none is left out.
std::vector<std::uint8_t> unpack_profile(std::string_view text);

/// The EXIF block of a PNG file with these chunks and texts: the chunk eXIf, else the text that
/// ImageMagick wrote before there was one; empty where there is neither.
std::vector<std::uint8_t> png_exif(std::span<const PngChunk> chunks,
                                   const std::map<std::string, std::string>& texts);

}  // namespace sd
