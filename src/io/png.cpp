#include "io/png.h"

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstddef>
#include <exception>
#include <optional>
#include <png.h>
#include <string_view>
#include <utility>
#include <zlib.h>

#include "core/check.h"
#include "io/encoders.h"
#include "io/png_chunks.h"
#include "io/read_picture.h"
#include "io/utf8.h"

namespace sd {
namespace {

constexpr std::size_t kMaxKeyword = 79;

struct Compression {
  int level;     // of zlib
  int strategy;  // of zlib
  int filters;   // that libpng may choose from for each row
};

/// A photo of 512 x 512 pixels takes 13 ms and 513 kB fast, 82 ms and 512 kB small (libpng's own
/// default: 71 ms): after Paeth's filter little but runs is left for deflate to find.
Compression compression(PngEffort effort) {
  return effort == PngEffort::kFast
             ? Compression{Z_BEST_SPEED, Z_RLE, PNG_FILTER_PAETH}
             : Compression{Z_BEST_COMPRESSION, Z_DEFAULT_STRATEGY, PNG_ALL_FILTERS};
}

/// Valid UTF-8 as Latin-1; nothing where it holds characters above U+00FF.
std::optional<std::string> to_latin1(std::string_view text) {
  std::string latin1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      latin1 += text[i];
    } else if (byte <= 0xc3) {  // the lead byte of U+0080 to U+00FF
      latin1 += static_cast<char>((byte & 3) << 6 | (static_cast<unsigned char>(text[++i]) & 0x3f));
    } else {
      return std::nullopt;
    }
  }
  return latin1;
}

struct RawChunk {
  std::array<png_byte, 5> type;
  std::string data;
};

RawChunk text_chunk(const PngText& text) {
  const std::string& keyword = text.keyword;
  const bool printable =
      std::all_of(keyword.begin(), keyword.end(), [](char c) { return c >= ' ' && c <= '~'; });
  SD_CHECK(printable && !keyword.empty() && keyword.size() <= kMaxKeyword, ErrorKind::kUsage,
           "a PNG text keyword has 1 to ", kMaxKeyword, " printable ASCII characters, not '",
           keyword, "'");
  const std::string value = clean_utf8(text.value);
  const auto latin1 = to_latin1(value);
  const std::string prefix = keyword + '\0';
  // our own reader and others take UTF-8 in tEXt for UTF-8: keep such Latin-1 text out of it
  if (latin1 && (*latin1 == value || !is_utf8(*latin1))) return {{"tEXt"}, prefix + *latin1};
  return {{"iTXt"}, prefix + std::string(4, '\0') + value};  // not packed, no language, no keyword
}

void append_bytes(png_structp png, png_bytep data, std::size_t length) {
  auto* bytes = static_cast<std::vector<std::uint8_t>*>(png_get_io_ptr(png));
  bool full = false;
  try {
    bytes->insert(bytes->end(), data, data + length);
  } catch (const std::exception&) {  // must not pass through libpng's C frames
    full = true;
  }
  if (full) png_error(png, "out of memory");
}

void keep_message(png_structp png, png_const_charp message) {
  auto* kept = static_cast<std::array<char, 128>*>(png_get_error_ptr(png));
  std::string_view(message).copy(kept->data(), kept->size() - 1);
  png_longjmp(png, 1);
}

void ignore_warning(png_structp /*png*/, png_const_charp /*message*/) {}

/// All calls of libpng that can jump back; false where one did. Holds nothing to destroy.
bool write_all(png_structp png, png_infop info, const Picture& picture,
               std::span<const RawChunk> chunks) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;  // NOLINT(cert-err52-cpp): C has no other way
  png_set_IHDR(png, info, picture.width, picture.height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (const RawChunk& chunk : chunks) {
    png_write_chunk(png, chunk.type.data(), reinterpret_cast<png_const_bytep>(chunk.data.data()),
                    chunk.data.size());
  }
  for (int y = 0; y < picture.height; ++y) {
    png_write_row(png, &picture.rgb[std::size_t{3} * picture.width * y]);
  }
  png_write_end(png, info);
  return true;
}

}  // namespace

std::vector<std::uint8_t> encode_png(const Picture& picture, std::span<const PngText> texts,
                                     PngEffort effort) {
  check_whole(picture);
  std::vector<RawChunk> chunks;
  for (const PngText& text : texts) chunks.push_back(text_chunk(text));

  std::array<char, 128> message{};
  std::vector<std::uint8_t> bytes;
  bytes.reserve(picture.rgb.size() / 2);
  png_structp png =
      png_create_write_struct(PNG_LIBPNG_VER_STRING, &message, keep_message, ignore_warning);
  png_infop info = png ? png_create_info_struct(png) : nullptr;
  bool written = false;
  if (info) {
    const auto [level, strategy, filters] = compression(effort);
    png_set_write_fn(png, &bytes, append_bytes, nullptr);
    png_set_compression_level(png, level);
    png_set_compression_strategy(png, strategy);
    png_set_filter(png, PNG_FILTER_TYPE_BASE, filters);
    written = write_all(png, info, picture, chunks);
  }
  png_destroy_write_struct(&png, &info);
  SD_CHECK(written, ErrorKind::kOutput, "the picture cannot be made into a PNG file: ",
           message[0] ? message.data() : "out of memory");
  return bytes;
}

std::map<std::string, std::string> read_png_text(const std::filesystem::path& path) {
  const std::vector<std::uint8_t> bytes = read_input_file(path);
  return png_text(png_chunks(bytes, path.string()), path.string());
}

}  // namespace sd
