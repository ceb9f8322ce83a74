#include "io/frame_count.h"

#include <algorithm>
#include <string_view>

#include "core/check.h"
#include "io/decoders.h"
#include "io/png_chunks.h"

namespace sd {
namespace {

/// An animated PNG says how many it has in its chunk acTL (PNG 3, section 11.3.7.1).
std::size_t count_png_frames(std::span<const std::uint8_t> bytes) {
  for (const PngChunk& chunk : png_chunks(bytes, "")) {
    if (chunk.type == "acTL" && chunk.data.size() >= 4) return big_endian(chunk.data.data());
  }
  return 1;
}

std::size_t count(std::span<const std::uint8_t> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (is_png(bytes)) return count_png_frames(bytes);
  if (text.starts_with("GIF8")) return count_gif_frames(bytes);
  if (text.starts_with("RIFF") && text.substr(4, 8).ends_with("WEBP")) {
    return count_webp_frames(bytes);
  }
  return 1;
}

}  // namespace

std::size_t count_frames(std::span<const std::uint8_t> bytes) {
  try {
    return std::max<std::size_t>(count(bytes), 1);
  } catch (const Error&) {
    return 1;  // damaged
  }
}

}  // namespace sd
