#include "io/picture_metadata.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "core/check.h"
#include "io/exif.h"
#include "io/png_chunks.h"

namespace sd {
namespace {

using namespace std::string_view_literals;
using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kMaxExif = std::size_t{64} << 20;

/// A file of unsigned integers; every read is inside it or an error.
class Reader {
 public:
  Reader(Bytes bytes, std::string_view kind, const std::string& name)
      : bytes_(bytes), kind_(kind), name_(name) {}

  Bytes part(std::size_t offset, std::size_t size) const {
    SD_CHECK(offset <= bytes_.size() && bytes_.size() - offset >= size, ErrorKind::kInput, kind_,
             " file '", name_, "' is cut short: it ends at byte ", bytes_.size());
    return bytes_.subspan(offset, size);
  }
  std::uint32_t big_endian(std::size_t offset, std::size_t size) const {
    std::uint32_t value = 0;
    for (const std::uint8_t byte : part(offset, size)) value = value << 8 | byte;
    return value;
  }
  std::uint32_t little_endian(std::size_t offset, std::size_t size) const {
    const Bytes all = part(offset, size);
    std::uint32_t value = 0;
    for (auto byte = all.rbegin(); byte != all.rend(); ++byte) value = value << 8 | *byte;
    return value;
  }
  std::string_view text(std::size_t offset, std::size_t size) const {
    return {reinterpret_cast<const char*>(part(offset, size).data()), size};
  }
  std::size_t size() const { return bytes_.size(); }
  [[noreturn]] void fail_damaged(std::string_view what) const {
    fail(ErrorKind::kInput, kind_, " file '", name_, "' is damaged: ", what);
  }

 private:
  Bytes bytes_;
  std::string_view kind_;
  const std::string& name_;
};

/// Without the prefix that JPEG needs and some programs write everywhere.
Bytes without_prefix(Bytes exif) {
  constexpr auto kPrefix = "Exif\0\0"sv;
  const std::string_view text(reinterpret_cast<const char*>(exif.data()), exif.size());
  return text.starts_with(kPrefix) ? exif.subspan(kPrefix.size()) : exif;
}

/// Sizes fit an int in all formats.
void set_size(PictureMetadata& picture, std::uint32_t width, std::uint32_t height,
              const Reader& reader) {
  constexpr std::uint32_t kMost = 0x7fffffff;
  if (width == 0 || width > kMost || height == 0 || height > kMost) {
    reader.fail_damaged(concat_text("it says a size of ", width, " x ", height, " pixels"));
  }
  picture.width = static_cast<int>(width);
  picture.height = static_cast<int>(height);
}

/// The texts and the orientation, which may exchange width and height.
void take_exif(PictureMetadata& picture, Bytes exif, std::string_view xmp,
               const std::string& name) {
  SD_CHECK(exif.size() <= kMaxExif, ErrorKind::kInput, "picture '", name, "' holds more than ",
           kMaxExif >> 20, " MiB of EXIF");
  exif = without_prefix(exif);
  picture.exif = read_exif_texts(exif);
  int orientation = exif_orientation(exif);
  if (orientation == 0) orientation = xmp_orientation(xmp);
  const bool lies_on_its_side = orientation >= 5 && orientation <= 8;
  if (lies_on_its_side) std::swap(picture.width, picture.height);
}

PictureMetadata read_png_metadata(Bytes bytes, const std::string& name) {
  const std::vector<PngChunk> chunks = png_chunks(bytes, name);
  const Reader reader(bytes, "PNG", name);
  if (chunks[0].type != "IHDR" || chunks[0].data.size() != 13) {
    reader.fail_damaged("it does not begin with its header");
  }
  constexpr std::size_t kSize = 16;  // offset of width and height
  PictureMetadata picture{PictureFormat::kPng, 0, 0, png_text(chunks, name), {}};
  set_size(picture, reader.big_endian(kSize, 4), reader.big_endian(kSize + 4, 4), reader);
  const std::vector<std::uint8_t> exif = png_exif(chunks, picture.texts);
  const auto xmp = picture.texts.find("XML:com.adobe.xmp");
  take_exif(picture, exif, xmp == picture.texts.end() ? "" : xmp->second, name);
  return picture;
}

/// Whether this marker of JPEG begins a frame, whose segment holds the size (T.81, table B.1).
bool is_frame(std::uint32_t marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

PictureMetadata read_jpeg_metadata(Bytes bytes, const std::string& name) {
  constexpr std::uint32_t kApp1 = 0xe1;
  constexpr std::uint32_t kStartOfScan = 0xda;
  constexpr std::uint32_t kEndOfImage = 0xd9;
  constexpr auto kXmpPrefix = "http://ns.adobe.com/xap/1.0/\0"sv;
  const Reader reader(bytes, "JPEG", name);
  PictureMetadata picture{PictureFormat::kJpeg, 0, 0, {}, {}};
  std::vector<std::uint8_t> exif;
  std::string_view xmp;
  for (std::size_t at = 2;;) {
    if (reader.big_endian(at, 1) != 0xff) reader.fail_damaged("a marker was expected");
    while (reader.big_endian(at, 1) == 0xff) ++at;  // any number of them fills up
    const std::uint32_t marker = reader.big_endian(at++, 1);
    if (marker == kStartOfScan || marker == kEndOfImage) break;
    if (marker >= 0xd0 && marker <= 0xd8) continue;  // these have no segment
    const std::size_t length = reader.big_endian(at, 2);
    if (length < 2) reader.fail_damaged("a segment has no length");
    const Bytes segment = reader.part(at + 2, length - 2);
    const std::string_view text = reader.text(at + 2, length - 2);
    if (is_frame(marker)) {
      set_size(picture, reader.big_endian(at + 5, 2), reader.big_endian(at + 3, 2), reader);
    } else if (marker == kApp1 && text.starts_with("Exif\0\0"sv)) {
      const Bytes data = without_prefix(segment);  // a long block may go on in the next segment
      exif.insert(exif.end(), data.begin(), data.end());
    } else if (marker == kApp1 && text.starts_with(kXmpPrefix)) {
      xmp = text.substr(kXmpPrefix.size());
    }
    at += length;
  }
  if (picture.width == 0 || picture.height == 0) reader.fail_damaged("it says no size");
  take_exif(picture, exif, xmp, name);
  return picture;
}

/// Width and height of a WebP chunk that says them (RFC 9649, sections 2.5 to 2.7 and 3.4).
std::optional<std::pair<std::uint32_t, std::uint32_t>> webp_size(const Reader& reader,
                                                                 std::string_view type,
                                                                 std::size_t data) {
  constexpr std::uint32_t kMask14 = 0x3fff;
  if (type == "VP8X") {
    return std::pair(reader.little_endian(data + 4, 3) + 1, reader.little_endian(data + 7, 3) + 1);
  }
  if (type == "VP8L") {
    const std::uint32_t bits = reader.little_endian(data + 1, 4);
    return std::pair((bits & kMask14) + 1, (bits >> 14 & kMask14) + 1);
  }
  if (type == "VP8 ") {
    return std::pair(reader.little_endian(data + 6, 2) & kMask14,
                     reader.little_endian(data + 8, 2) & kMask14);
  }
  return std::nullopt;
}

PictureMetadata read_webp_metadata(Bytes bytes, const std::string& name) {
  constexpr std::size_t kHeader = 12;
  const Reader reader(bytes, "WebP", name);
  PictureMetadata picture{PictureFormat::kWebp, 0, 0, {}, {}};
  const std::size_t end = std::size_t{8} + reader.little_endian(4, 4);
  Bytes exif;
  std::string_view xmp;
  for (std::size_t at = kHeader; at + 8 <= end;) {
    const std::string_view type = reader.text(at, 4);
    const std::size_t length = reader.little_endian(at + 4, 4);
    const std::size_t data = at + 8;
    reader.part(data, length);
    if (picture.width == 0) {  // what comes first counts: VP8X speaks of the whole picture
      if (const auto size = webp_size(reader, type, data)) {
        set_size(picture, size->first, size->second, reader);
      }
    }
    if (type == "EXIF") exif = reader.part(data, length);
    if (type == "XMP ") xmp = reader.text(data, length);
    at = data + length + length % 2;
  }
  if (picture.width == 0 || picture.height == 0) reader.fail_damaged("it says no size");
  take_exif(picture, exif, xmp, name);
  return picture;
}

}  // namespace

PictureMetadata read_picture_metadata(Bytes bytes, const std::string& name) {
  SD_CHECK(!bytes.empty(), ErrorKind::kInput, "'", name,
           "' is empty, a PNG, JPEG or WebP picture was expected");
  if (is_png(bytes)) return read_png_metadata(bytes, name);
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (head.starts_with("\xff\xd8\xff")) return read_jpeg_metadata(bytes, name);
  if (head.starts_with("RIFF") && head.size() >= 12 && head.substr(8, 4) == "WEBP") {
    return read_webp_metadata(bytes, name);
  }
  fail(ErrorKind::kInput, "'", name, "' is no PNG, JPEG or WebP picture");
}

}  // namespace sd
