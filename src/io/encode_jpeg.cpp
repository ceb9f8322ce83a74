#include <array>
#include <exception>
#include <jerror.h>
#include <utility>

#include "core/check.h"
#include "io/encoders.h"
#include "io/jpeg_errors.h"

namespace sd {
namespace {

constexpr std::array<std::uint8_t, 6> kExifPrefix = {'E', 'x', 'i', 'f', 0, 0};

/// Where libjpeg writes: block after block at the end of a vector.
class Destination : public jpeg_destination_mgr {
 public:
  Destination() : jpeg_destination_mgr{} {
    init_destination = [](j_compress_ptr info) { of(info).offer_block(); };
    empty_output_buffer = [](j_compress_ptr info) -> boolean {
      of(info).keep(kBlock, info);
      of(info).offer_block();
      return TRUE;
    };
    term_destination = [](j_compress_ptr info) {
      of(info).keep(kBlock - of(info).free_in_buffer, info);
    };
  }

  std::vector<std::uint8_t> take_file() { return std::move(file_); }

 private:
  static constexpr std::size_t kBlock = 65536;

  static Destination& of(j_compress_ptr info) { return static_cast<Destination&>(*info->dest); }

  void offer_block() {
    next_output_byte = block_.data();
    free_in_buffer = kBlock;
  }

  /// Exceptions must not pass through libjpeg, its own error does.
  void keep(std::size_t bytes, j_compress_ptr info) {
    bool is_kept = true;
    try {
      file_.insert(file_.end(), block_.data(), block_.data() + bytes);
    } catch (const std::exception&) {
      is_kept = false;
    }
    if (!is_kept) ERREXIT1(info, JERR_OUT_OF_MEMORY, 0);
  }

  std::vector<std::uint8_t> file_;
  std::array<std::uint8_t, kBlock> block_;
};

/// An encoder, which is taken down whatever happens.
class Encoder {
 public:
  Encoder() {
    info_.err = jpeg_std_error(&errors_.manager);
    errors_.manager.error_exit = jump_back;
    errors_.manager.output_message = [](j_common_ptr) {};
    errors_.message[0] = '\0';
  }
  ~Encoder() { jpeg_destroy_compress(&info_); }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  /// `app1` is the content of that segment, or empty.
  void write(const Picture& picture, std::span<const std::uint8_t> app1, int quality) {
    if (setjmp(errors_.jump) != 0) fail_encoding();  // NOLINT(cert-err52-cpp)
    jpeg_create_compress(&info_);
    info_.dest = &destination_;
    info_.image_width = static_cast<JDIMENSION>(picture.width);
    info_.image_height = static_cast<JDIMENSION>(picture.height);
    info_.input_components = 3;
    info_.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info_);
    jpeg_set_quality(&info_, quality, TRUE);
    for (int i = 0; i < info_.num_components; ++i) {
      info_.comp_info[i].h_samp_factor = info_.comp_info[i].v_samp_factor = 1;
    }
    info_.optimize_coding = TRUE;
    jpeg_start_compress(&info_, TRUE);
    if (!app1.empty()) {
      jpeg_write_marker(&info_, JPEG_APP0 + 1, app1.data(), static_cast<unsigned>(app1.size()));
    }
    const std::size_t stride = std::size_t{3} * picture.width;
    while (info_.next_scanline < info_.image_height) {
      auto* row =
          const_cast<JSAMPLE*>(&picture.rgb[stride * info_.next_scanline]);  // it only reads
      jpeg_write_scanlines(&info_, &row, 1);
    }
    jpeg_finish_compress(&info_);
  }

  std::vector<std::uint8_t> take_file() { return destination_.take_file(); }

 private:
  [[noreturn]] void fail_encoding() {
    fail(ErrorKind::kOutput,
         "the picture cannot be made into a JPEG file: ", errors_.message.data());
  }

  jpeg_compress_struct info_{};
  JpegErrorHandler errors_{};
  Destination destination_;
};

}  // namespace

std::vector<std::uint8_t> encode_jpeg(const Picture& picture, std::span<const std::uint8_t> exif,
                                      int quality) {
  check_whole(picture);
  std::vector<std::uint8_t> app1;
  if (!exif.empty()) {
    app1.assign(kExifPrefix.begin(), kExifPrefix.end());
    app1.insert(app1.end(), exif.begin(), exif.end());
  }
  Encoder encoder;
  encoder.write(picture, app1, quality);
  return encoder.take_file();
}

}  // namespace sd
