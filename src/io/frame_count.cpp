#include "io/frame_count.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "core/check.h"
#include "io/little_endian.h"
#include "io/png_chunks.h"

namespace sd {
namespace {

std::string_view text_at(const LittleEndianFile& file, std::size_t at, std::size_t size) {
  const auto part = file.part(at, size);
  return {reinterpret_cast<const char*>(part.data()), part.size()};
}

std::size_t palette_size(std::uint8_t flags) {
  constexpr std::uint8_t kHasPalette = 0x80;
  constexpr std::uint8_t kBits = 7;  // of an entry's number, less 1
  return flags & kHasPalette ? std::size_t{3} * 2 << (flags & kBits) : 0;
}

/// The place behind the sub-blocks that begin there.
std::size_t skip_blocks(const LittleEndianFile& file, std::size_t at) {
  while (file.u8(at) != 0) at += file.u8(at) + std::size_t{1};
  return at + 1;
}

// Each of these counts up to the end of the file, where it throws: GIFs often lack their last byte.

void count_gif(const LittleEndianFile& file, std::size_t& frames) {
  std::size_t at = 13 + palette_size(file.u8(10));
  for (;;) {
    switch (file.u8(at)) {
      case '!': at = skip_blocks(file, at + 2); break;
      case ',':
        ++frames;
        at = skip_blocks(file, at + 11 + palette_size(file.u8(at + 9)));
        break;
      case ';': return;
      default: ++at;  // a stray byte
    }
  }
}

void count_webp(const LittleEndianFile& file, std::size_t& frames) {
  for (std::size_t at = 12; at < file.size();) {
    if (text_at(file, at, 4) == "ANMF") ++frames;
    const std::size_t size = file.u32(at + 4);
    at += 8 + size + size % 2;
  }
}

void count_png(const LittleEndianFile& file, std::size_t& frames) {
  const auto big_endian = [&](std::size_t at) {
    std::size_t value = 0;
    for (const std::uint8_t byte : file.part(at, 4)) value = value << 8 | byte;
    return value;
  };
  for (std::size_t at = 8; text_at(file, at + 4, 4) != "IDAT"; at += 12 + big_endian(at)) {
    if (text_at(file, at + 4, 4) == "acTL") frames = big_endian(at + 8);
  }
}

}  // namespace

std::size_t count_frames(std::span<const std::uint8_t> bytes) {
  const std::string no_name;
  const LittleEndianFile file(bytes, "", no_name);
  std::size_t frames = 0;
  try {
    if (is_png(bytes)) {
      count_png(file, frames);
    } else if (text_at(file, 0, 4) == "GIF8") {
      count_gif(file, frames);
    } else if (text_at(file, 0, 4) == "RIFF" && text_at(file, 8, 4) == "WEBP") {
      count_webp(file, frames);
    }
  } catch (const Error&) {
    return std::max<std::size_t>(frames, 1);  // cut short
  }
  return std::max<std::size_t>(frames, 1);
}

}  // namespace sd
