#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "io/decoders.h"
#include "io/exif.h"
#include "io/png_chunks.h"

namespace {

/// Bytes that one allocation of stb_image may take on this thread: a small file can ask for 2 GB.
thread_local std::size_t allocation_limit = 0;

void* limited_malloc(std::size_t size) {
  return size <= allocation_limit ? std::malloc(size) : nullptr;
}

void* limited_realloc(void* memory, std::size_t size) {
  return size <= allocation_limit ? std::realloc(memory, size) : nullptr;
}

}  // namespace

#define STBI_MALLOC(size) limited_malloc(size)
#define STBI_REALLOC(memory, size) limited_realloc(memory, size)
#define STBI_FREE(memory) std::free(memory)
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_NO_FAILURE_STRINGS
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image.h>
#pragma GCC diagnostic pop

namespace sd {
namespace {

constexpr std::size_t kMaxDeflateRatio = 1032;  // zlib's technical details: 1032:1 at most
constexpr std::size_t kPaletteBytes = std::size_t{256} * 3;
constexpr int kGray = 0;
constexpr int kPalette = 3;

/// IHDR (PNG 1.2, section 4.1.1).
struct Header {
  std::uint32_t width;
  std::uint32_t height;
  int depth;
  int color_type;
};

Header read_header(const PngChunk& chunk, const std::string& name) {
  SD_CHECK(chunk.type == "IHDR" && chunk.data.size() == 13, ErrorKind::kInput, "PNG file '", name,
           "' is damaged: it does not start with a header of 13 bytes");
  const auto integer = [&](std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | chunk.data[at + i];
    return value;
  };
  return {integer(0), integer(4), chunk.data[8], chunk.data[9]};
}

/// Bytes of the picture before compression, but for interlacing's few more.
std::size_t raw_size(const Header& header) {
  constexpr std::array<int, 7> kSamples = {1, 0, 3, 1, 2, 0, 4};  // by colour type
  const std::size_t samples = header.color_type < 7 ? kSamples[header.color_type] : 0;
  return (header.width * samples * header.depth + 7) / 8 * header.height;
}

/// Writes a PNG file for stb_image alone, which skips checksums.
class PngBuilder {
 public:
  void chunk(std::string_view type, std::size_t length) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      bytes_.push_back(static_cast<std::uint8_t>(length >> shift));
    }
    bytes_.insert(bytes_.end(), type.begin(), type.end());
  }
  void data(std::span<const std::uint8_t> data) {
    bytes_.insert(bytes_.end(), data.begin(), data.end());
  }
  void end_chunk() { bytes_.insert(bytes_.end(), 4, 0); }
  void reserve(std::size_t size) { bytes_.reserve(size); }
  const std::vector<std::uint8_t>& bytes() const { return bytes_; }

 private:
  std::vector<std::uint8_t> bytes_ = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
};

/// The file reduced to what makes its colours: no transparency (convert("RGB") drops it), no
/// animation, and a palette of 256 entries, black where the file has none as in Pillow, since
/// stb_image would read indices beyond a shorter one from memory that was never written.
std::vector<std::uint8_t> plain_png(std::span<const PngChunk> chunks, bool has_palette,
                                    const std::string& name) {
  std::size_t packed = 0;
  std::vector<std::uint8_t> palette;
  for (const PngChunk& chunk : chunks) {
    if (chunk.type == "IDAT") packed += chunk.data.size();
    if (chunk.type == "PLTE" && has_palette) palette.assign(chunk.data.begin(), chunk.data.end());
  }
  SD_CHECK(packed > 0, ErrorKind::kInput, "PNG file '", name, "' holds no picture data");
  SD_CHECK(!has_palette || (!palette.empty() && palette.size() <= kPaletteBytes), ErrorKind::kInput,
           "PNG file '", name, "' is damaged: its palette is ",
           palette.empty() ? "missing" : "too long");

  PngBuilder png;
  png.reserve(packed + kPaletteBytes + 128);
  png.chunk("IHDR", chunks[0].data.size());
  png.data(chunks[0].data);
  png.end_chunk();
  if (has_palette) {
    palette.resize(kPaletteBytes, 0);
    png.chunk("PLTE", palette.size());
    png.data(palette);
    png.end_chunk();
  }
  png.chunk("IDAT", packed);
  for (const PngChunk& chunk : chunks) {
    if (chunk.type == "IDAT") png.data(chunk.data);
  }
  png.end_chunk();
  png.chunk("IEND", 0);
  png.end_chunk();
  return png.bytes();
}

struct StbFree {
  void operator()(void* memory) const { stbi_image_free(memory); }
};

/// `channels` samples a pixel (gray, gray + alpha, RGB, RGBA) to RGB without the alpha. Samples of
/// 16 bits are clipped to 255, not scaled.
template <typename Sample>
void to_rgb(const Sample* samples, int channels, Picture& picture) {
  const bool gray = channels < 3;
  for (std::size_t i = 0; i < picture.rgb.size(); i += 3) {
    for (int c = 0; c < 3; ++c) {
      picture.rgb[i + c] = static_cast<std::uint8_t>(std::min<int>(samples[gray ? 0 : c], 255));
    }
    samples += channels;
  }
}

Picture decode_plain(std::span<const std::uint8_t> png, const Header& header,
                     const std::string& name) {
  const auto length = static_cast<int>(png.size());
  int width = 0;
  int height = 0;
  int channels = 0;
  Picture picture;
  const auto fill = [&](const auto* samples) {
    SD_CHECK(samples && width == header.width && height == header.height, ErrorKind::kInput,
             "PNG file '", name, "' is damaged: its picture data cannot be decoded");
    picture = {width, height, {}};
    picture.rgb.resize(std::size_t{3} * width * height);
    to_rgb(samples, channels, picture);
  };
  if (header.depth == 16 && header.color_type == kGray) {
    // Pillow reads this one kind as 16-bit and clips it to 0..255; of others it takes the high byte
    const std::unique_ptr<stbi_us, StbFree> samples(
        stbi_load_16_from_memory(png.data(), length, &width, &height, &channels, 0));
    fill(samples.get());
  } else {
    const std::unique_ptr<stbi_uc, StbFree> samples(
        stbi_load_from_memory(png.data(), length, &width, &height, &channels, 0));
    fill(samples.get());
  }
  return picture;
}

int orientation(std::span<const PngChunk> chunks, const std::string& name) {
  bool has_exif = false;
  for (const PngChunk& chunk : chunks) {
    if (chunk.type != "eXIf") continue;
    has_exif = true;
    if (const int value = exif_orientation(chunk.data)) return value;
  }
  const auto texts = png_text(chunks, name);
  const auto exif = texts.find("Raw profile type exif");
  if (!has_exif && exif != texts.end()) {
    if (const int value = exif_orientation(unpack_profile(exif->second))) return value;
  }
  const auto xmp = texts.find("XML:com.adobe.xmp");
  return xmp == texts.end() ? 0 : xmp_orientation(xmp->second);
}

}  // namespace

Picture decode_png(std::span<const std::uint8_t> bytes, const std::string& name) {
  const std::vector<PngChunk> chunks = png_chunks(bytes, name);
  const Header header = read_header(chunks[0], name);
  check_picture_size(header.width, header.height, name);
  const auto plain = plain_png(chunks, header.color_type == kPalette, name);
  const std::size_t raw = raw_size(header);
  SD_CHECK(raw / kMaxDeflateRatio <= plain.size(), ErrorKind::kInput, "PNG file '", name,
           "' is cut short: ", plain.size(), " bytes cannot hold ", header.width, " x ",
           header.height, " pixels");
  // its largest blocks: the inflated bytes, doubled once for an interlaced file, and the pixels
  allocation_limit =
      std::max(3 * raw, std::size_t{8} * header.width * header.height) + plain.size() * 2 + 65536;
  return upright(decode_plain(plain, header, name), orientation(chunks, name));
}

}  // namespace sd
