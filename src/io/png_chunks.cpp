#include "io/png_chunks.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <optional>
#include <zlib.h>

#include "core/check.h"
#include "io/utf8.h"

namespace sd {
namespace {

constexpr std::array<std::uint8_t, 8> kSignature = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
constexpr std::size_t kMaxText = std::size_t{64} << 20;

[[noreturn]] void fail_too_much_text(const std::string& name) {
  fail(ErrorKind::kInput, "PNG file '", name, "' holds more than ", kMaxText >> 20, " MiB of text");
}

/// The inflated bytes; nothing where they are no zlib stream. Never much more than `limit` bytes.
std::optional<std::string> inflate_text(std::string_view packed, std::size_t limit) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return std::nullopt;
  // zlib's input pointer lacks a const, it only reads
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string text;
  std::array<char, 16384> block;
  int status = Z_OK;
  while (status == Z_OK && text.size() <= limit) {
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    status = inflate(&stream, Z_NO_FLUSH);
    text.append(block.data(), block.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  const bool complete = status == Z_STREAM_END || text.size() > limit;
  return complete ? std::optional(std::move(text)) : std::nullopt;
}

/// Cuts off and returns what precedes the next NUL; nothing where there is none.
std::optional<std::string_view> take_field(std::string_view& rest) {
  const std::size_t end = rest.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view field = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return field;
}

/// The bytes of a chunk's text, given what follows the keyword; nothing where the chunk is damaged.
/// Reads about `limit` bytes at most.
std::optional<std::string> unpack_text(std::string_view type, std::string_view rest,
                                       std::size_t limit) {
  if (type == "tEXt") return std::string(rest);
  if (type == "zTXt") {
    if (rest.empty() || rest[0] != 0) return std::nullopt;
    return inflate_text(rest.substr(1), limit);
  }
  // iTXt: compressed or not, method, language, translated keyword (PNG 1.2, section 4.2.3.3)
  if (rest.size() < 2 || rest[1] != 0) return std::nullopt;
  const bool packed = rest[0] != 0;
  rest.remove_prefix(2);
  if (!take_field(rest) || !take_field(rest)) return std::nullopt;
  return packed ? inflate_text(rest, limit) : std::string(rest);
}

}  // namespace

std::uint32_t big_endian(const std::uint8_t* p) {
  return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
}

bool is_png(std::span<const std::uint8_t> bytes) {
  return bytes.size() >= kSignature.size() &&
         std::equal(kSignature.begin(), kSignature.end(), bytes.begin());
}

std::vector<PngChunk> png_chunks(std::span<const std::uint8_t> bytes, const std::string& name) {
  SD_CHECK(is_png(bytes), ErrorKind::kInput, "'", name, "' is not a PNG file");
  std::vector<PngChunk> chunks;
  std::size_t at = kSignature.size();
  do {
    const std::size_t left = bytes.size() - at;
    SD_CHECK(left >= 12 && big_endian(&bytes[at]) <= left - 12, ErrorKind::kInput, "PNG file '",
             name, "' is cut short: it ends at byte ", bytes.size(), ", inside a chunk");
    const std::uint32_t length = big_endian(&bytes[at]);
    const std::uint8_t* type = &bytes[at + 4];
    const auto sum = crc32(0, type, static_cast<uInt>(length + 4));
    SD_CHECK(sum == big_endian(type + 4 + length), ErrorKind::kInput, "PNG file '", name,
             "' is damaged: the checksum of the chunk at byte ", at, " is wrong");
    chunks.push_back({{reinterpret_cast<const char*>(type), 4}, {type + 4, length}});
    at += std::size_t{12} + length;
  } while (chunks.back().type != "IEND");
  return chunks;
}

std::map<std::string, std::string> png_text(std::span<const PngChunk> chunks,
                                            const std::string& name) {
  std::map<std::string, std::string> texts;
  std::size_t total = 0;
  for (const PngChunk& chunk : chunks) {
    if (chunk.type != "tEXt" && chunk.type != "zTXt" && chunk.type != "iTXt") continue;
    std::string_view rest(reinterpret_cast<const char*>(chunk.data.data()), chunk.data.size());
    const auto keyword = take_field(rest);
    if (!keyword || keyword->empty()) continue;
    const auto text = unpack_text(chunk.type, rest, kMaxText - total);
    if (!text) continue;
    total += text->size();
    if (total > kMaxText) fail_too_much_text(name);
    texts[utf8_or_latin1(*keyword)] = utf8_or_latin1(*text);
  }
  return texts;
}

std::vector<std::uint8_t> unpack_profile(std::string_view text) {
  for (int line = 0; line < 3; ++line) {
    const std::size_t end = text.find('\n');
    if (end == text.npos) return {};
    text.remove_prefix(end + 1);
  }
  std::vector<std::uint8_t> bytes;
  int digits = 0;
  int value = 0;
  for (const char digit : text) {
    if (digit == '\n') continue;
    if (!std::isxdigit(static_cast<unsigned char>(digit))) break;
    value = value << 4 | (digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
    if (++digits % 2 == 0) bytes.push_back(static_cast<std::uint8_t>(value));
  }
  return bytes;
}

std::vector<std::uint8_t> png_exif(std::span<const PngChunk> chunks,
                                   const std::map<std::string, std::string>& texts) {
  for (const PngChunk& chunk : chunks) {
    if (chunk.type == "eXIf") return {chunk.data.begin(), chunk.data.end()};
  }
  const auto text = texts.find("Raw profile type exif");
  return text == texts.end() ? std::vector<std::uint8_t>() : unpack_profile(text->second);
}

}  // namespace sd
