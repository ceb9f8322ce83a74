#include <cstring>
#include <jerror.h>
#include <string_view>
#include <utility>
#include <vector>

#include "core/check.h"
#include "io/decoders.h"
#include "io/exif.h"
#include "io/jpeg_errors.h"

namespace sd {
namespace {

constexpr std::string_view kExifPrefix{"Exif\0\0", 6};
constexpr std::string_view kXmpPrefix{"http://ns.adobe.com/xap/1.0/\0", 29};

/// A file that ends too early is only a warning to libjpeg; other damage passes, as in Pillow.
void on_message(j_common_ptr info, int level) {
  if (level < 0 && info->err->msg_code == JWRN_JPEG_EOF) jump_back(info);
}

/// A decoder that is taken down whatever happens.
class Decoder {
 public:
  Decoder(std::span<const std::uint8_t> bytes, const std::string& name)
      : bytes_(bytes), name_(name) {
    info_.err = jpeg_std_error(&errors_.manager);
    errors_.manager.error_exit = jump_back;
    errors_.manager.emit_message = on_message;
    errors_.message[0] = '\0';
  }
  ~Decoder() { jpeg_destroy_decompress(&info_); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// Reads up to the first scan.
  void read_header() {
    if (setjmp(errors_.jump) != 0) fail_damaged();  // NOLINT(cert-err52-cpp)
    jpeg_create_decompress(&info_);
    jpeg_save_markers(&info_, JPEG_APP0 + 1, 0xffff);
    jpeg_mem_src(&info_, bytes_.data(), bytes_.size());
    jpeg_read_header(&info_, TRUE);
  }

  /// Decodes all rows into `pixels`: height rows of width x channels() bytes.
  void read_rows(std::uint8_t* pixels) {
    if (setjmp(errors_.jump) != 0) fail_damaged();  // NOLINT(cert-err52-cpp)
    info_.out_color_space = is_cmyk() ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&info_);
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW row = pixels + std::size_t{info_.output_scanline} * info_.output_width * channels();
      jpeg_read_scanlines(&info_, &row, 1);
    }
    jpeg_finish_decompress(&info_);
  }

  bool is_cmyk() const { return info_.num_components == 4; }
  int channels() const { return is_cmyk() ? 4 : 3; }
  const jpeg_decompress_struct& info() const { return info_; }

 private:
  [[noreturn]] void fail_damaged() const {
    fail(ErrorKind::kInput, "JPEG file '", name_, "' cannot be decoded: ", errors_.message.data());
  }

  std::span<const std::uint8_t> bytes_;
  const std::string& name_;
  jpeg_decompress_struct info_{};
  JpegErrorHandler errors_{};
};

/// Pillow's orientation: that of all EXIF blocks joined, else that of the last XMP packet.
int orientation(const jpeg_decompress_struct& info) {
  std::vector<std::uint8_t> exif;
  std::string_view xmp;
  for (const jpeg_marker_struct* marker = info.marker_list; marker; marker = marker->next) {
    const std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
    if (data.starts_with(kExifPrefix)) {
      exif.insert(exif.end(), data.begin() + kExifPrefix.size(), data.end());
    } else if (data.starts_with(kXmpPrefix)) {
      xmp = data.substr(kXmpPrefix.size());
    }
  }
  const int value = exif_orientation(exif);
  return value != 0 ? value : xmp_orientation(xmp);
}

/// CMYK as Adobe stores it (inverted; Pillow takes every CMYK file to be Adobe's) to RGB, with
/// Pillow's rounding.
void cmyk_to_rgb(const std::vector<std::uint8_t>& cmyk, std::vector<std::uint8_t>& rgb) {
  for (std::size_t i = 0, o = 0; o < rgb.size(); i += 4, o += 3) {
    const int light = cmyk[i + 3];
    for (std::size_t c = 0; c < 3; ++c) {
      const int product = (255 - cmyk[i + c]) * light + 128;
      rgb[o + c] = static_cast<std::uint8_t>(light - ((product >> 8) + product) / 256);
    }
  }
}

}  // namespace

Picture decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& name) {
  Decoder decoder(bytes, name);
  decoder.read_header();
  check_picture_size(decoder.info().image_width, decoder.info().image_height, name);
  const auto width = static_cast<int>(decoder.info().image_width);
  const auto height = static_cast<int>(decoder.info().image_height);
  const std::size_t area = static_cast<std::size_t>(width) * height;

  const int turned = orientation(decoder.info());  // the markers go with the last row
  Picture picture{width, height, std::vector<std::uint8_t>(area * 3)};
  if (decoder.is_cmyk()) {
    std::vector<std::uint8_t> cmyk(area * 4);
    decoder.read_rows(cmyk.data());
    cmyk_to_rgb(cmyk, picture.rgb);
  } else {
    decoder.read_rows(picture.rgb.data());
  }
  return upright(std::move(picture), turned);
}

}  // namespace sd
