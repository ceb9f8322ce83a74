// What Pillow's GifImagePlugin reads, as it reads it. Not with giflib, which paints something from
// damaged data without a word and refuses stray bytes between blocks.

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "core/check.h"
#include "io/decoders.h"
#include "io/little_endian.h"

namespace sd {
namespace {

constexpr std::size_t kScreen = 13;  // bytes of the header and of the screen's description
constexpr std::size_t kScreenFlags = 10;
constexpr std::uint8_t kExtension = '!';
constexpr std::uint8_t kImage = ',';
constexpr std::uint8_t kTrailer = ';';
constexpr std::uint8_t kGraphicControl = 249;
constexpr std::uint8_t kIsTransparent = 1;
constexpr std::uint8_t kHasPalette = 0x80;
constexpr std::uint8_t kIsInterlaced = 0x40;
constexpr std::uint8_t kPaletteBits = 7;  // their number less 1

using Rgb = std::array<std::uint8_t, 3>;
using Palette = std::array<Rgb, 256>;

/// The first picture of a file, on a canvas that is as large as it needs.
struct Frame {
  std::uint32_t canvas_width = 0;
  std::uint32_t canvas_height = 0;
  std::uint32_t x = 0;
  std::uint32_t y = 0;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  bool is_interlaced = false;
  std::uint8_t background = 0;  ///< the index of the canvas around it: the transparent one, else 0
  std::optional<Palette> palette;
  std::size_t data = 0;  ///< where its LZW code size lies
};

std::size_t palette_entries(std::uint8_t flags) {
  return flags & kHasPalette ? std::size_t{2} << (flags & kPaletteBits) : 0;
}

/// The palette at `at`, where `flags` say that there is one, black behind its end; `at` is moved
/// behind it. A ramp of grays is none to Pillow.
std::optional<Palette> read_palette(const LittleEndianFile& file, std::uint8_t flags,
                                    std::size_t& at) {
  const std::size_t count = palette_entries(flags);
  if (count == 0) return std::nullopt;
  const auto stored = file.part(at, 3 * count);
  at += stored.size();
  Palette palette{};
  bool is_ramp = true;
  for (std::size_t i = 0; i < count; ++i) {
    std::ranges::copy(stored.subspan(3 * i, 3), palette[i].begin());
    is_ramp = is_ramp && std::ranges::count(palette[i], i) == 3;
  }
  return is_ramp ? std::nullopt : std::optional(palette);
}

/// Moves `at` behind the sub-blocks that begin there.
void skip_blocks(const LittleEndianFile& file, std::size_t& at) {
  while (const std::uint8_t length = file.u8(at++)) at += length;
}

/// Moves `at` behind an extension, whose label it is at.
void read_extension(const LittleEndianFile& file, std::size_t& at, Frame& frame) {
  const std::uint8_t label = file.u8(at++);
  if (label == kGraphicControl && file.u8(at) > 0 && (file.u8(at + 1) & kIsTransparent)) {
    frame.background = file.u8(at + 4);
  }
  skip_blocks(file, at);
}

/// Reads up to the first picture as Pillow's GifImagePlugin does, bytes without a meaning between
/// the blocks included, which giflib refuses.
Frame read_frame(const LittleEndianFile& file) {
  Frame frame;
  frame.canvas_width = file.u16(6);
  frame.canvas_height = file.u16(8);
  std::size_t at = kScreen;
  const auto global_palette = read_palette(file, file.u8(kScreenFlags), at);
  for (std::uint8_t block = 0; (block = file.u8(at++)) != kImage;) {
    SD_CHECK(block != kTrailer, ErrorKind::kInput, "GIF file '", file.name(), "' holds no picture");
    if (block == kExtension) read_extension(file, at, frame);
  }
  frame.x = file.u16(at);
  frame.y = file.u16(at + 2);
  frame.width = file.u16(at + 4);
  frame.height = file.u16(at + 6);
  const std::uint8_t flags = file.u8(at + 8);
  at += 9;
  frame.is_interlaced = flags & kIsInterlaced;
  frame.palette = read_palette(file, flags, at);
  if (!frame.palette) frame.palette = global_palette;
  frame.data = at;
  frame.canvas_width = std::max(frame.canvas_width, frame.x + frame.width);
  frame.canvas_height = std::max(frame.canvas_height, frame.y + frame.height);
  check_picture_size(frame.width, frame.height, file.name());
  check_picture_size(frame.canvas_width, frame.canvas_height, file.name());
  return frame;
}

/// Undoes the compression: LZW, its codes in blocks of at most 255 bytes (GIF89a, appendix F).
class LzwDecoder {
 public:
  LzwDecoder(const LittleEndianFile& file, std::size_t at) : file_(file), at_(at + 1) {
    const std::uint32_t bits = file.u8(at);
    SD_CHECK(bits <= kMaxBits, ErrorKind::kInput, "GIF file '", file.name(),
             "' is damaged: its codes start with ", bits, " bits, at most ", kMaxBits,
             " were expected");
    clear_ = 1U << bits;
    reset();
  }

  /// The first `count` indices; what follows them is not looked at.
  std::vector<std::uint8_t> decode(std::size_t count) {
    std::vector<std::uint8_t> indices;
    std::uint32_t last = kNone;  // the code before this one since the table was cleared
    while (indices.size() < count) {
      const std::uint32_t code = next_code();
      if (code == clear_) {
        reset();
        last = kNone;
        continue;
      }
      SD_CHECK(code != clear_ + 1, ErrorKind::kInput, "GIF file '", file_.name(),
               "' is cut short: its picture data end after ", indices.size(), " of ", count,
               " pixels");
      SD_CHECK(last == kNone ? code < clear_ : code <= next_ && code < kTableSize,
               ErrorKind::kInput, "GIF file '", file_.name(),
               "' is damaged: its picture data hold a code without a meaning");
      append(code, last, indices);
      last = code;
    }
    indices.resize(count);
    return indices;
  }

 private:
  static constexpr std::uint32_t kMaxBits = 12;
  static constexpr std::uint32_t kTableSize = 1U << kMaxBits;
  static constexpr std::uint32_t kNone = ~0U;

  /// What a code above clear_ + 1 stands for: all that `prefix` does, and an index more.
  struct Entry {
    std::uint16_t prefix;
    std::uint8_t index;
  };

  void reset() {
    next_ = clear_ + 2;
    size_ = static_cast<std::uint32_t>(std::bit_width(clear_));
  }

  std::uint32_t next_code() {
    while (bit_count_ < size_) {
      if (block_left_ == 0) {
        block_left_ = file_.u8(at_++);
        SD_CHECK(block_left_ > 0, ErrorKind::kInput, "GIF file '", file_.name(),
                 "' is cut short: its picture data end before the last pixel");
        file_.part(at_, block_left_);
      }
      bits_ |= std::uint32_t{file_.u8(at_++)} << bit_count_;
      bit_count_ += 8;
      --block_left_;
    }
    const std::uint32_t code = bits_ & ((1U << size_) - 1);
    bits_ >>= size_;
    bit_count_ -= size_;
    return code;
  }

  /// Appends what the code stands for, and enters the next code: what `last` stands for, and the
  /// first index of this one.
  void append(std::uint32_t code, std::uint32_t last, std::vector<std::uint8_t>& indices) {
    const std::size_t begin = indices.size();
    const bool is_next = code == next_;  // the code that is about to be entered
    std::uint32_t at = is_next ? last : code;
    for (; at >= clear_; at = table_[at].prefix) indices.push_back(table_[at].index);
    const auto first = static_cast<std::uint8_t>(at);
    indices.push_back(first);
    std::reverse(indices.begin() + static_cast<std::ptrdiff_t>(begin), indices.end());
    if (is_next) indices.push_back(first);
    if (last == kNone || next_ >= kTableSize) return;
    table_[next_] = {static_cast<std::uint16_t>(last), first};
    if (next_ == (1U << size_) - 1 && size_ < kMaxBits) ++size_;
    ++next_;
  }

  const LittleEndianFile& file_;
  std::size_t at_;
  std::size_t block_left_ = 0;
  std::uint32_t bits_ = 0;
  std::uint32_t bit_count_ = 0;
  std::uint32_t clear_ = 0;  ///< below: indices; this: starts again; the next: end
  std::uint32_t next_ = 0;   ///< the first code without a meaning
  std::uint32_t size_ = 0;   ///< bits of a code
  std::array<Entry, kTableSize> table_{};
};

/// The rows of a picture in the order they are stored in.
std::vector<std::uint32_t> row_order(const Frame& frame) {
  std::vector<std::uint32_t> rows;
  rows.reserve(frame.height);
  const auto add = [&](std::uint32_t first, std::uint32_t step) {
    for (std::uint32_t y = first; y < frame.height; y += step) rows.push_back(y);
  };
  if (frame.is_interlaced) {
    add(0, 8);
    add(4, 8);
    add(2, 4);
    add(1, 2);
  } else {
    add(0, 1);
  }
  return rows;
}

Rgb color_of(const Frame& frame, std::uint8_t index) {
  return frame.palette ? (*frame.palette)[index] : Rgb{index, index, index};
}

}  // namespace

std::size_t count_gif_frames(std::span<const std::uint8_t> bytes) {
  const std::string no_name;
  const LittleEndianFile file(bytes, "GIF", no_name);
  std::size_t frames = 0;
  try {
    std::size_t at = kScreen + 3 * palette_entries(file.u8(kScreenFlags));
    for (std::uint8_t block = 0; (block = file.u8(at++)) != kTrailer;) {
      if (block == kExtension) {
        skip_blocks(file, ++at);
      } else if (block == kImage) {
        ++frames;
        at += 9 + 3 * palette_entries(file.u8(at + 8)) + 1;
        skip_blocks(file, at);
      }
    }
  } catch (const Error&) {
    return frames;  // cut short; many lack the trailer alone
  }
  return frames;
}

Picture decode_gif(std::span<const std::uint8_t> bytes, const std::string& name) {
  const LittleEndianFile file(bytes, "GIF", name);
  const Frame frame = read_frame(file);
  const std::size_t area = std::size_t{frame.width} * frame.height;
  const std::vector<std::uint8_t> indices = LzwDecoder(file, frame.data).decode(area);
  Picture picture{static_cast<int>(frame.canvas_width), static_cast<int>(frame.canvas_height), {}};
  picture.rgb.resize(std::size_t{3} * frame.canvas_width * frame.canvas_height);
  const auto pixel = [&](std::size_t x, std::size_t y) {
    return picture.rgb.begin() + static_cast<std::ptrdiff_t>(3 * (y * frame.canvas_width + x));
  };
  const Rgb background = color_of(frame, frame.background);
  for (auto at = picture.rgb.begin(); at != picture.rgb.end();) {
    at = std::ranges::copy(background, at).out;
  }
  auto source = indices.begin();
  for (const std::uint32_t y : row_order(frame)) {
    auto target = pixel(frame.x, frame.y + y);
    for (std::uint32_t x = 0; x < frame.width; ++x) {
      target = std::ranges::copy(color_of(frame, *source++), target).out;
    }
  }
  return picture;
}

}  // namespace sd
