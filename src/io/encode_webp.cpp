#include <memory>
#include <webp/encode.h>
#include <webp/mux.h>

#include "core/check.h"
#include "io/encoders.h"
#include "io/picture_format.h"

namespace sd {
namespace {

constexpr int kLosslessEffort = 6;  // of 0 to 9, what Pillow's default amounts to

[[noreturn]] void fail_encoding(const std::string& reason) {
  fail(ErrorKind::kOutput, "the picture cannot be made into a WebP file: ", reason);
}

WebPConfig make_config(int quality) {
  WebPConfig config;
  bool good = WebPConfigInit(&config) != 0;
  if (quality == kMaxQuality) {
    good = good && WebPConfigLosslessPreset(&config, kLosslessEffort) != 0;
  } else {
    config.quality = static_cast<float>(quality);
    config.use_sharp_yuv = 1;  // colours are halved with an eye on what is seen
  }
  if (!good) fail_encoding("libwebp has another version than sd was built for");
  return config;
}

/// The pixels alone, as a simple WebP file.
class PlainFile {
 public:
  PlainFile(const Picture& picture, const WebPConfig& config) {
    WebPMemoryWriterInit(&writer_);
    WebPPicture input;
    if (WebPPictureInit(&input) == 0) fail_encoding("libwebp has another version");
    input.width = picture.width;
    input.height = picture.height;
    input.use_argb = 1;  // else the colours would be halved at once, without use_sharp_yuv
    input.writer = WebPMemoryWrite;
    input.custom_ptr = &writer_;
    const bool written = WebPPictureImportRGB(&input, picture.rgb.data(), 3 * picture.width) != 0 &&
                         WebPEncode(&config, &input) != 0;
    const WebPEncodingError error = input.error_code;
    WebPPictureFree(&input);
    if (written) return;
    WebPMemoryWriterClear(&writer_);  // there will be no destructor
    if (error == VP8_ENC_ERROR_OUT_OF_MEMORY) fail_encoding("out of memory");
    fail_encoding(concat_text("error ", error, " of libwebp"));
  }
  ~PlainFile() { WebPMemoryWriterClear(&writer_); }
  PlainFile(const PlainFile&) = delete;
  PlainFile& operator=(const PlainFile&) = delete;

  WebPData data() const { return {writer_.mem, writer_.size}; }

 private:
  WebPMemoryWriter writer_;
};

std::vector<std::uint8_t> add_exif(const WebPData& plain, std::span<const std::uint8_t> exif) {
  const std::unique_ptr<WebPMux, decltype(&WebPMuxDelete)> mux(WebPMuxNew(), WebPMuxDelete);
  const WebPData chunk = {exif.data(), exif.size()};
  WebPData file;
  WebPDataInit(&file);
  const bool assembled =
      mux && WebPMuxSetImage(mux.get(), &plain, /*copy_data=*/0) == WEBP_MUX_OK &&
      WebPMuxSetChunk(mux.get(), "EXIF", &chunk, /*copy_data=*/0) == WEBP_MUX_OK &&
      WebPMuxAssemble(mux.get(), &file) == WEBP_MUX_OK;
  if (!assembled) fail_encoding("libwebpmux cannot add the parameters");
  const std::unique_ptr<WebPData, decltype(&WebPDataClear)> cleared(&file, WebPDataClear);
  return {file.bytes, file.bytes + file.size};
}

}  // namespace

std::vector<std::uint8_t> encode_webp(const Picture& picture, std::span<const std::uint8_t> exif,
                                      int quality) {
  check_whole(picture);
  const int most = max_side(PictureFormat::kWebp);
  SD_CHECK(picture.width <= most && picture.height <= most, ErrorKind::kOutput,
           "a WebP file holds sides of at most ", most, " pixels, the picture is ", picture.width,
           " x ", picture.height);
  const PlainFile plain(picture, make_config(quality));
  if (exif.empty()) return {plain.data().bytes, plain.data().bytes + plain.data().size};
  return add_exif(plain.data(), exif);
}

}  // namespace sd
