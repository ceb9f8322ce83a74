#include "io/exif_comment.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "io/tiff_reader.h"
#include "io/utf8.h"

namespace sd {
namespace {

using namespace std::string_view_literals;

constexpr std::uint32_t kExifDirectoryTag = 0x8769;
constexpr std::uint32_t kUserCommentTag = 0x9286;
constexpr std::uint32_t kTypeByte = 1;
constexpr std::uint32_t kTypeAscii = 2;
constexpr std::uint32_t kTypeLong = 4;
constexpr std::uint32_t kTypeUndefined = 7;

// What the first eight bytes of a UserComment say of the others.
constexpr std::string_view kUnicode = "UNICODE\0"sv;
constexpr std::string_view kAscii = "ASCII\0\0\0"sv;
constexpr std::string_view kUndefined = "\0\0\0\0\0\0\0\0"sv;

/// Bytes with integers in big-endian.
class Writer {
 public:
  void add(std::uint32_t value, int size) {
    for (int i = size - 1; i >= 0; --i) {
      bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    }
  }
  void add(std::string_view text) { bytes.insert(bytes.end(), text.begin(), text.end()); }
  /// A directory of one entry, and none after it.
  void add_directory(std::uint32_t tag, std::uint32_t type, std::uint32_t count,
                     std::uint32_t value) {
    add(1, 2);
    add(tag, 2);
    add(type, 2);
    add(count, 4);
    add(value, 4);
    add(0, 4);
  }

  std::vector<std::uint8_t> bytes;
};

constexpr std::uint32_t kHeaderSize = 8;
constexpr std::uint32_t kDirectorySize = 2 + 12 + 4;

void add_utf16(Writer& out, std::string_view text) {
  const std::string clean = clean_utf8(text);
  for (std::string_view rest = clean; !rest.empty();) {
    const auto [value, length] = code_point(rest);
    rest.remove_prefix(length);
    if (value < 0x10000) {
      out.add(value, 2);
    } else {
      out.add(0xd800 + ((value - 0x10000) >> 10), 2);
      out.add(0xdc00 + ((value - 0x10000) & 0x3ff), 2);
    }
  }
}

/// UTF-16 to UTF-8; a surrogate without its other half becomes U+FFFD, an odd last byte is left
/// out.
std::string from_utf16(std::string_view bytes, bool big_endian) {
  std::string text;
  const std::size_t count = bytes.size() / 2;
  const auto unit = [&](std::size_t i) {
    const auto first = static_cast<unsigned char>(bytes[2 * i]);
    const auto second = static_cast<unsigned char>(bytes[2 * i + 1]);
    return static_cast<std::uint32_t>(big_endian ? first << 8 | second : second << 8 | first);
  };
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t value = unit(i);
    const bool leads = value >= 0xd800 && value < 0xdc00;
    const std::uint32_t next = leads && i + 1 < count ? unit(i + 1) : 0;
    if (next >= 0xdc00 && next < 0xe000) {
      append_utf8(text, 0x10000 + ((value - 0xd800) << 10) + (next - 0xdc00));
      ++i;
    } else {
      append_utf8(text, value);
    }
  }
  return text;
}

/// Whether more characters are Latin, with a zero in front, if the first byte is the higher one.
bool looks_big_endian(std::string_view bytes) {
  std::ptrdiff_t balance = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    balance += (bytes[i] == 0) - (bytes[i + 1] == 0);
  }
  return balance > 0;
}

std::string decode_utf16(std::string_view bytes, bool block_is_big_endian) {
  if (bytes.starts_with("\xfe\xff"sv)) return from_utf16(bytes.substr(2), true);
  if (bytes.starts_with("\xff\xfe"sv)) return from_utf16(bytes.substr(2), false);
  return from_utf16(bytes, block_is_big_endian || looks_big_endian(bytes));
}

/// Without the zeros that fill it up.
std::string trimmed(std::string text) {
  text.resize(text.find_last_not_of('\0') + 1);
  return text;
}

std::optional<std::string> decode_comment(std::string_view value, bool block_is_big_endian) {
  const std::string_view text = value.substr(std::min(kUnicode.size(), value.size()));
  if (value.starts_with(kUnicode)) return trimmed(decode_utf16(text, block_is_big_endian));
  if (value.starts_with(kAscii) || value.starts_with(kUndefined)) {
    return trimmed(utf8_or_latin1(text));
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::uint8_t> exif_with_comment(std::string_view text) {
  Writer value;
  value.add(kUnicode);
  add_utf16(value, text);

  Writer out;
  out.add("MM\0\x2a"sv);
  out.add(kHeaderSize, 4);
  out.add_directory(kExifDirectoryTag, kTypeLong, 1, kHeaderSize + kDirectorySize);
  out.add_directory(kUserCommentTag, kTypeUndefined, static_cast<std::uint32_t>(value.bytes.size()),
                    kHeaderSize + 2 * kDirectorySize);
  out.bytes.insert(out.bytes.end(), value.bytes.begin(), value.bytes.end());
  return std::move(out.bytes);
}

ExifTexts read_exif_texts(std::span<const std::uint8_t> tiff) {
  ExifTexts texts;
  const auto reader = TiffReader::open(tiff);
  if (!reader) return texts;
  std::optional<std::size_t> exif_directory;
  std::size_t left = tiff.size();  // entries that share their bytes must not fill the memory
  reader->for_each_entry(reader->integer(4, 4).value_or(0), [&](const TiffEntry& entry) {
    if (entry.tag == kExifDirectoryTag) exif_directory = reader->integer(entry.offset, 4);
    if (entry.type != kTypeAscii || entry.count > left) return;
    if (const auto value = reader->byte_string(entry)) {
      left -= value->size();
      texts.strings.push_back(trimmed(utf8_or_latin1(*value)));
    }
  });
  if (!exif_directory) return texts;
  reader->for_each_entry(*exif_directory, [&](const TiffEntry& entry) {
    const bool has_bytes =
        entry.type == kTypeByte || entry.type == kTypeAscii || entry.type == kTypeUndefined;
    if (entry.tag != kUserCommentTag || !has_bytes || texts.comment) return;
    const auto value = reader->byte_string(entry);
    if (value) texts.comment = decode_comment(*value, reader->is_big_endian());
  });
  return texts;
}

}  // namespace sd
