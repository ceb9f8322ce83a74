#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace sd {

/// An entry of a TIFF directory.
struct TiffEntry {
  std::uint32_t tag;
  std::uint32_t type;
  std::uint32_t count;
  std::size_t offset;  ///< of the four bytes that hold the value or its offset
};

/// The entries and integers of a TIFF block (what EXIF is) in its own byte order; nothing where
/// they would lie outside.
class TiffReader {
 public:
  /// Nothing where the bytes have no TIFF header.
  static std::optional<TiffReader> open(std::span<const std::uint8_t> bytes) {
    const std::string_view head(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const bool big_endian = head.starts_with(std::string_view("MM\0\x2a", 4));
    if (!big_endian && !head.starts_with(std::string_view("II\x2a\0", 4))) return std::nullopt;
    return TiffReader(bytes, big_endian);
  }

  bool is_big_endian() const { return big_endian_; }

  std::optional<std::uint32_t> integer(std::size_t offset, std::size_t size) const {
    if (offset > bytes_.size() || bytes_.size() - offset < size) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      value = value << 8 | bytes_[offset + (big_endian_ ? i : size - 1 - i)];
    }
    return value;
  }

  /// Calls `use`(entry) for the entries of the directory at `offset` up to the first that lies
  /// outside.
  template <typename Use>
  void for_each_entry(std::size_t directory, const Use& use) const {
    const std::uint32_t entries = integer(directory, 2).value_or(0);
    for (std::uint32_t i = 0; i < entries; ++i) {
      const std::size_t at = directory + 2 + std::size_t{12} * i;
      if (!integer(at + 8, 4)) return;
      use(TiffEntry{*integer(at, 2), *integer(at + 2, 2), *integer(at + 4, 4), at + 8});
    }
  }

  /// The value of an entry whose type has one byte; nothing where it lies outside.
  std::optional<std::string_view> byte_string(const TiffEntry& entry) const {
    const std::size_t at = entry.count <= 4 ? entry.offset : *integer(entry.offset, 4);
    if (at > bytes_.size() || bytes_.size() - at < entry.count) return std::nullopt;
    return std::string_view(reinterpret_cast<const char*>(bytes_.data()) + at, entry.count);
  }

 private:
  TiffReader(std::span<const std::uint8_t> bytes, bool big_endian)
      : bytes_(bytes), big_endian_(big_endian) {}

  std::span<const std::uint8_t> bytes_;
  bool big_endian_;
};

}  // namespace sd
