// What Pillow's BmpImagePlugin reads, as it reads it. No library does: stb_image has no RLE, scales
// 5 bits another way and knows other headers.

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "core/check.h"
#include "io/decoders.h"
#include "io/little_endian.h"

namespace sd {
namespace {

constexpr std::size_t kFileHeader = 14;
constexpr std::size_t kOs2Header = 12;
constexpr std::array<std::uint32_t, 7> kHeaders = {kOs2Header, 40, 52, 56, 64, 108, 124};

constexpr std::uint32_t kRaw = 0;
constexpr std::uint32_t kRle8 = 1;
constexpr std::uint32_t kRle4 = 2;
constexpr std::uint32_t kBitfields = 3;

using Rgb = std::array<std::uint8_t, 3>;
using Palette = std::array<Rgb, 256>;

struct Header {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  bool is_top_down = false;
  std::uint32_t bits = 0;  ///< of a pixel
  std::uint32_t compression = kRaw;
  std::uint32_t colors = 0;                 ///< of the palette
  std::size_t color_size = 4;               ///< bytes of each
  std::array<std::uint32_t, 4> masks = {};  ///< red, green, blue, alpha
  std::size_t end = 0;                      ///< what follows: a palette or pixels
  std::size_t pixels = 0;                   ///< where these begin; 0: after the palette
};

/// How a pixel is stored.
struct Layout {
  std::uint32_t bits;                  ///< to 8: an index of the palette; 16; 24 or 32: bytes
  std::array<std::uint32_t, 3> place;  ///< of red, green, blue: the byte, or for 16 the lowest bit
  std::uint32_t green_bits = 5;        ///< for 16; red and blue have 5
};

/// A set of masks that Pillow knows. The alpha of 16 and 24 bits is not looked at.
struct KnownMasks {
  std::array<std::uint32_t, 4> masks;
  Layout layout;
};

constexpr Layout kBgr555 = {16, {10, 5, 0}};

constexpr std::array kKnownMasks = {
    KnownMasks{{0xff0000, 0xff00, 0xff, 0}, {32, {2, 1, 0}}},
    KnownMasks{{0xff0000, 0xff00, 0xff, 0xff000000}, {32, {2, 1, 0}}},
    KnownMasks{{0, 0, 0, 0}, {32, {2, 1, 0}}},
    KnownMasks{{0xff000000, 0xff0000, 0xff00, 0}, {32, {3, 2, 1}}},
    KnownMasks{{0xff000000, 0xff0000, 0xff00, 0xff}, {32, {3, 2, 1}}},
    KnownMasks{{0xff000000, 0xff00, 0xff, 0}, {32, {3, 1, 0}}},
    KnownMasks{{0xff000000, 0xff00, 0xff, 0xff0000}, {32, {3, 1, 0}}},
    KnownMasks{{0xff, 0xff00, 0xff0000, 0xff000000}, {32, {0, 1, 2}}},
    KnownMasks{{0xff0000, 0xff00, 0xff}, {24, {2, 1, 0}}},
    KnownMasks{{0x7c00, 0x3e0, 0x1f}, kBgr555},
    KnownMasks{{0xf800, 0x7e0, 0x1f}, {16, {11, 5, 0}, 6}},
};

Header read_header(const LittleEndianFile& file) {
  const std::uint32_t size = file.u32(kFileHeader);
  SD_CHECK(std::ranges::find(kHeaders, size) != kHeaders.end(), ErrorKind::kInput, "BMP file '",
           file.name(), "' has a header of ", size,
           " bytes, 12, 40, 52, 56, 64, 108 or 124 were expected");
  file.part(kFileHeader, size);
  Header header;
  header.end = kFileHeader + size;
  header.pixels = file.u32(10);
  if (size == kOs2Header) {
    header.width = file.u16(18);
    header.height = file.u16(20);
    header.bits = file.u16(24);
    header.color_size = 3;
  } else {
    header.width = file.u32(18);
    header.height = file.u32(22);
    header.is_top_down = file.u8(25) == 0xff;  // negative, but none that makes sense is lower
    if (header.is_top_down) header.height = 0 - header.height;
    header.bits = file.u16(28);
    header.compression = file.u32(30);
    header.colors = file.u32(46);
  }
  check_picture_size(header.width, header.height, file.name());
  if (header.compression == kBitfields) {
    // a part of the longer headers, behind the one of 40 bytes, which has none for alpha
    const std::size_t masks = size >= 56 ? 4 : 3;
    for (std::size_t i = 0; i < masks; ++i) header.masks[i] = file.u32(54 + 4 * i);
    if (size == 40) header.end += 4 * masks;
  }
  return header;
}

Layout find_layout(const Header& header, const std::string& name) {
  if (header.compression == kBitfields) {
    const std::size_t compared = header.bits == 32 ? 4 : 3;
    for (const KnownMasks& known : kKnownMasks) {
      if (known.layout.bits == header.bits &&
          std::equal(known.masks.begin(), known.masks.begin() + compared, header.masks.begin())) {
        return known.layout;
      }
    }
    fail(ErrorKind::kInput, "BMP file '", name, "' has ", header.bits,
         " bits a pixel with colour masks that are not known");
  }
  const bool is_rle = header.compression == kRle8 || header.compression == kRle4;
  SD_CHECK(header.compression == kRaw || is_rle, ErrorKind::kInput, "BMP file '", name,
           "' has compression ", header.compression, ", 0 to 3 were expected");
  switch (header.bits) {
    case 1:
    case 4:
    case 8: return {header.bits, {}};
    case 16:
    case 24:
    case 32:
      SD_CHECK(!is_rle, ErrorKind::kInput, "BMP file '", name, "' is run-length encoded with ",
               header.bits, " bits a pixel, at most 8 were expected");
      return header.bits == 16 ? kBgr555 : Layout{header.bits, {2, 1, 0}};
    default:
      fail(ErrorKind::kInput, "BMP file '", name, "' has ", header.bits,
           " bits a pixel, 1, 4, 8, 16, 24 or 32 were expected");
  }
}

/// Reads the palette; colours that the file has not are black. Where it is a ramp of grays Pillow
/// takes the pixels for grays of 8 bits, or of 1 bit with two colours: also pixels of other sizes.
Palette read_palette(const LittleEndianFile& file, Header& header, Layout& layout) {
  constexpr std::uint32_t kMostColors = 65536;
  if (header.colors == 0) header.colors = 1U << header.bits;
  SD_CHECK(header.colors <= kMostColors, ErrorKind::kInput, "BMP file '", file.name(),
           "' has a palette of ", header.colors, " colours, at most ", kMostColors,
           " were expected");
  const std::size_t length = header.colors * header.color_size;
  if (header.pixels == header.end) header.pixels += length;
  const auto stored = file.bytes().subspan(header.end, std::min(length, file.size() - header.end));
  if (header.pixels == 0) header.pixels = header.end + stored.size();

  Palette palette{};
  bool is_gray = stored.size() == length;
  for (std::size_t i = 0; i < stored.size() / header.color_size; ++i) {
    const auto color = stored.subspan(i * header.color_size, 3);
    if (i < palette.size()) palette[i] = {color[2], color[1], color[0]};
    const auto gray = static_cast<std::uint8_t>(header.colors == 2 ? i * 255 : i);
    is_gray = is_gray && std::ranges::count(color, gray) == 3;
  }
  if (!is_gray) {
    SD_CHECK(stored.size() / header.color_size <= palette.size(), ErrorKind::kInput, "BMP file '",
             file.name(), "' has a palette of ", header.colors, " colours, at most ",
             palette.size(), " were expected");
    return palette;
  }
  layout.bits = header.colors <= 2 ? 1 : 8;
  for (std::size_t i = 0; i < palette.size(); ++i) {
    palette[i].fill(static_cast<std::uint8_t>(layout.bits == 8 ? i : i > 0 ? 255 : 0));
  }
  return palette;
}

/// Pixel x of a row.
Rgb pixel_of(std::span<const std::uint8_t> row, std::size_t x, const Layout& layout,
             const Palette& palette) {
  if (layout.bits <= 8) {
    const std::size_t bit = x * layout.bits;
    return palette[row[bit / 8] >> (8 - layout.bits - bit % 8) & ((1U << layout.bits) - 1)];
  }
  const auto pixel = row.subspan(x * layout.bits / 8, layout.bits / 8);
  Rgb rgb;
  for (std::size_t c = 0; c < 3; ++c) {
    if (layout.bits != 16) {
      rgb[c] = pixel[layout.place[c]];
      continue;
    }
    const std::uint32_t most = (1U << (c == 1 ? layout.green_bits : 5U)) - 1;
    const std::uint32_t value = (pixel[0] | pixel[1] << 8U) >> layout.place[c] & most;
    rgb[c] = static_cast<std::uint8_t>(value * 255 / most);
  }
  return rgb;
}

/// Pillow's BmpRleDecoder: the indices of width x height pixels in the file's order. The file may
/// end before the mark of its end, but not before the last pixel.
class RleDecoder {
 public:
  RleDecoder(const LittleEndianFile& file, const Header& header)
      : file_(file), header_(header), at_(header.pixels) {}

  std::vector<std::uint8_t> decode() {
    const std::size_t total = std::size_t{header_.width} * header_.height;
    while (indices_.size() < total) {
      const std::uint8_t count = file_.u8(at_);
      const std::uint8_t value = file_.u8(at_ + 1);
      at_ += 2;
      if (count > 0) {
        run(count, value);
      } else if (value == kEndOfLine) {
        skip((header_.width - indices_.size() % header_.width) % header_.width);
        x_ = 0;
      } else if (value == kEndOfPicture) {
        break;
      } else if (value == kDelta) {
        const std::size_t pixels = file_.u8(at_) + std::size_t{file_.u8(at_ + 1)} * header_.width;
        at_ += 2;
        skip(std::min(pixels, total - indices_.size()));
        x_ = indices_.size() % header_.width;
      } else {
        copy(std::min<std::size_t>(value, total - indices_.size()));
        x_ += value;
      }
    }
    SD_CHECK(indices_.size() >= total, ErrorKind::kInput, "BMP file '", file_.name(),
             "' is damaged: its pixels end after ", indices_.size(), " of ", total);
    return std::move(indices_);
  }

 private:
  static constexpr std::uint8_t kEndOfLine = 0;
  static constexpr std::uint8_t kEndOfPicture = 1;
  static constexpr std::uint8_t kDelta = 2;

  void skip(std::size_t count) { indices_.resize(indices_.size() + count); }

  void run(std::size_t count, std::uint8_t value) {
    count = x_ < header_.width ? std::min<std::size_t>(count, header_.width - x_) : 0;
    for (std::size_t i = 0; i < count; ++i) push(value, i);
    x_ += count;
  }

  void copy(std::size_t count) {
    const bool is_rle4 = header_.compression == kRle4;
    const auto source = file_.part(at_, is_rle4 ? (count + 1) / 2 : count);
    for (std::size_t i = 0; i < count; ++i) push(source[is_rle4 ? i / 2 : i], i);
    at_ += source.size();
    at_ += at_ % 2;  // the next is at an even place of the file
  }

  /// RLE4: the two halves of a byte in turn.
  void push(std::uint8_t value, std::size_t i) {
    const int high = value >> 4;
    const int low = value & 15;
    indices_.push_back(
        header_.compression == kRle8 ? value : static_cast<std::uint8_t>(i % 2 ? low : high));
  }

  const LittleEndianFile& file_;
  const Header& header_;
  std::size_t at_;
  std::size_t x_ = 0;
  std::vector<std::uint8_t> indices_;
};

}  // namespace

Picture decode_bmp(std::span<const std::uint8_t> bytes, const std::string& name) {
  const LittleEndianFile file(bytes, "BMP", name);
  Header header = read_header(file);
  Layout layout = find_layout(header, name);
  const std::size_t row_distance = (std::size_t{header.width} * header.bits + 31) / 32 * 4;
  Palette palette{};
  if (layout.bits <= 8) palette = read_palette(file, header, layout);
  if (header.pixels == 0) header.pixels = header.end;

  std::span<const std::uint8_t> pixels;
  std::vector<std::uint8_t> unpacked;
  std::size_t distance = row_distance;
  if (header.compression == kRle8 || header.compression == kRle4) {
    unpacked = RleDecoder(file, header).decode();
    pixels = unpacked;
    layout.bits = 8;
    distance = header.width;
  }
  const std::size_t row_size = (std::size_t{header.width} * layout.bits + 7) / 8;
  SD_CHECK(row_size <= distance, ErrorKind::kInput, "BMP file '", name, "' has rows of ", distance,
           " bytes, at least ", row_size, " were expected");
  if (unpacked.empty()) {
    pixels = file.part(header.pixels, distance * (header.height - 1) + row_size);
  }

  Picture picture{static_cast<int>(header.width), static_cast<int>(header.height), {}};
  picture.rgb.resize(std::size_t{3} * header.width * header.height);
  for (std::size_t y = 0; y < header.height; ++y) {
    const auto row =
        pixels.subspan(distance * (header.is_top_down ? y : header.height - 1 - y), row_size);
    std::uint8_t* target = &picture.rgb[std::size_t{3} * header.width * y];
    for (std::size_t x = 0; x < header.width; ++x) {
      target = std::ranges::copy(pixel_of(row, x, layout, palette), target).out;
    }
  }
  return picture;
}

}  // namespace sd
