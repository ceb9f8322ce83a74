#include "io/exif.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include "io/tiff_reader.h"

namespace sd {
namespace {

constexpr int kOrientationTag = 0x0112;
constexpr int kTypeShort = 3;
constexpr int kTypeLong = 4;
constexpr std::array<std::uint8_t, 6> kPrefix = {'E', 'x', 'i', 'f', 0, 0};

/// Bytes of an integer of that type, 0 for types that Pillow takes no orientation from.
std::size_t size_of_type(std::uint32_t type) {
  switch (type) {
    case kTypeShort: return 2;
    case kTypeLong: return 4;
    default: return 0;
  }
}

}  // namespace

int exif_orientation(std::span<const std::uint8_t> tiff) {
  for (int i = 0; i < 2 && tiff.size() >= kPrefix.size(); ++i) {  // as often as Pillow takes it off
    if (!std::ranges::equal(tiff.first(kPrefix.size()), kPrefix)) break;
    tiff = tiff.subspan(kPrefix.size());
  }
  const std::optional<TiffReader> opened = TiffReader::open(tiff);
  if (!opened) return 0;
  const TiffReader& reader = *opened;

  const std::size_t directory = reader.integer(4, 4).value_or(0);
  const std::uint32_t entries = reader.integer(directory, 2).value_or(0);
  for (std::uint32_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + std::size_t{12} * i;
    const auto tag = reader.integer(entry, 2);
    if (!tag || !reader.integer(entry + 8, 4)) return 0;
    if (*tag != kOrientationTag) continue;
    const std::size_t size = size_of_type(*reader.integer(entry + 2, 2));
    if (size == 0 || *reader.integer(entry + 4, 4) != 1) return 1;
    const std::uint32_t value = *reader.integer(entry + 8, size);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 0;
}

int xmp_orientation(std::string_view packet) {
  constexpr std::string_view kName = "tiff:Orientation";
  for (std::size_t at = packet.find(kName); at != std::string_view::npos;
       at = packet.find(kName, at + 1)) {
    std::string_view rest = packet.substr(at + kName.size());
    if (rest.starts_with("=\"")) {
      rest.remove_prefix(2);
    } else if (rest.starts_with('>')) {
      rest.remove_prefix(1);
    } else {
      continue;
    }
    if (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') return rest[0] - '0';
  }
  return 0;
}

Picture upright(Picture picture, int orientation) {
  if (orientation < 2 || orientation > 8) return picture;
  const bool swap_axes = orientation >= 5;
  // Along each axis of the stored picture: does the upright one run against it?
  const bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;

  Picture out{picture.width, picture.height, {}};
  if (swap_axes) std::swap(out.width, out.height);
  out.rgb.resize(picture.rgb.size());
  std::uint8_t* target = out.rgb.data();
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x) {
      int column = swap_axes ? y : x;
      int row = swap_axes ? x : y;
      if (flip_x) column = picture.width - 1 - column;
      if (flip_y) row = picture.height - 1 - row;
      const std::size_t source = (static_cast<std::size_t>(row) * picture.width + column) * 3;
      target = std::copy_n(&picture.rgb[source], 3, target);
    }
  }
  return out;
}

}  // namespace sd
