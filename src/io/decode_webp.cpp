#include <cstddef>
#include <memory>
#include <string_view>
#include <webp/decode.h>
#include <webp/demux.h>

#include "core/check.h"
#include "io/decoders.h"
#include "io/exif.h"
#include "io/little_endian.h"

namespace sd {
namespace {

struct DeleteDemuxer {
  void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
};
using Demuxer = std::unique_ptr<WebPDemuxer, DeleteDemuxer>;

/// The first chunk of that name, else nothing; it lies in the file's bytes.
std::span<const std::uint8_t> find_chunk(const Demuxer& demuxer, const char* name) {
  std::span<const std::uint8_t> data;
  WebPChunkIterator chunk{};
  if (WebPDemuxGetChunk(demuxer.get(), name, 1, &chunk)) {
    data = {chunk.chunk.bytes, chunk.chunk.size};
  }
  WebPDemuxReleaseChunkIterator(&chunk);
  return data;
}

int orientation(const Demuxer& demuxer) {
  if (const int value = exif_orientation(find_chunk(demuxer, "EXIF"))) return value;
  const auto xmp = find_chunk(demuxer, "XMP ");
  return xmp_orientation({reinterpret_cast<const char*>(xmp.data()), xmp.size()});
}

/// The canvas of a file with a header of its own (VP8X) can be larger than libwebp wants to know.
void check_canvas(const LittleEndianFile& file) {
  const auto first = file.part(12, 4);
  if (std::string_view(reinterpret_cast<const char*>(first.data()), 4) != "VP8X") return;
  check_picture_size(std::uint64_t{file.u24(24)} + 1, std::uint64_t{file.u24(27)} + 1, file.name());
}

Demuxer open(const LittleEndianFile& file) {
  check_canvas(file);
  const WebPData data = {file.bytes().data(), file.size()};
  Demuxer demuxer(WebPDemux(&data));
  if (demuxer) return demuxer;
  const std::uint64_t expected = std::uint64_t{file.u32(4)} + 8;
  SD_CHECK(expected <= file.size(), ErrorKind::kInput, "WebP file '", file.name(),
           "' is cut short: it ends after ", file.size(), " bytes, ", expected, " were expected");
  fail(ErrorKind::kInput, "WebP file '", file.name(),
       "' is damaged: its parts do not fit together");
}

/// Decodes the first picture into its place on the canvas, as WebPAnimDecoder does, but without the
/// alpha that would be dropped.
void decode_first(const Demuxer& demuxer, Picture& picture, const std::string& name) {
  WebPDecoderConfig config;
  SD_CHECK(WebPInitDecoderConfig(&config), ErrorKind::kInput, "WebP file '", name,
           "' cannot be read: libwebp is not the version that sd was built with");
  WebPIterator frame{};
  VP8StatusCode status = VP8_STATUS_BITSTREAM_ERROR;
  if (WebPDemuxGetFrame(demuxer.get(), 1, &frame) && frame.x_offset >= 0 && frame.y_offset >= 0 &&
      frame.x_offset + frame.width <= picture.width &&
      frame.y_offset + frame.height <= picture.height) {
    const std::size_t stride = std::size_t{3} * picture.width;
    const std::size_t offset = frame.y_offset * stride + std::size_t{3} * frame.x_offset;
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA = {picture.rgb.data() + offset, static_cast<int>(stride),
                            picture.rgb.size() - offset};
    status = WebPDecode(frame.fragment.bytes, frame.fragment.size, &config);
  }
  WebPDemuxReleaseIterator(&frame);
  SD_CHECK(status == VP8_STATUS_OK, ErrorKind::kInput, "WebP file '", name,
           "' is damaged: its picture data cannot be decoded");
}

}  // namespace

std::size_t count_webp_frames(std::span<const std::uint8_t> bytes) {
  const std::string no_name;
  return WebPDemuxGetI(open({bytes, "WebP", no_name}).get(), WEBP_FF_FRAME_COUNT);
}

Picture decode_webp(std::span<const std::uint8_t> bytes, const std::string& name) {
  const LittleEndianFile file(bytes, "WebP", name);
  const Demuxer demuxer = open(file);
  const std::uint32_t width = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH);
  const std::uint32_t height = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT);
  check_picture_size(width, height, name);
  Picture picture{static_cast<int>(width), static_cast<int>(height), {}};
  picture.rgb.resize(std::size_t{3} * width * height);
  decode_first(demuxer, picture, name);
  return upright(std::move(picture), orientation(demuxer));
}

}  // namespace sd
