#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/check.h"

namespace sd {

/// A file whose integers are little-endian, read at given places; what would lie behind its end
/// throws kInput: "KIND file 'NAME' is cut short". Refers to `bytes` and `name`.
class LittleEndianFile {
 public:
  LittleEndianFile(std::span<const std::uint8_t> bytes, std::string_view kind,
                   const std::string& name)
      : bytes_(bytes), kind_(kind), name_(name) {}

  std::uint8_t u8(std::size_t at) const { return part(at, 1)[0]; }
  std::uint16_t u16(std::size_t at) const { return static_cast<std::uint16_t>(integer(at, 2)); }
  std::uint32_t u24(std::size_t at) const { return integer(at, 3); }
  std::uint32_t u32(std::size_t at) const { return integer(at, 4); }

  std::span<const std::uint8_t> part(std::size_t at, std::size_t size) const {
    SD_CHECK(at <= bytes_.size() && size <= bytes_.size() - at, ErrorKind::kInput, kind_, " file '",
             name_, "' is cut short: it ends after ", bytes_.size(), " bytes, at least ", at + size,
             " were expected");
    return bytes_.subspan(at, size);
  }

  std::span<const std::uint8_t> bytes() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  const std::string& name() const { return name_; }

 private:
  std::uint32_t integer(std::size_t at, std::size_t size) const {
    const auto source = part(at, size);
    std::uint32_t value = 0;
    for (std::size_t i = size; i-- > 0;) value = value << 8 | source[i];
    return value;
  }

  std::span<const std::uint8_t> bytes_;
  std::string_view kind_;
  const std::string& name_;
};

}  // namespace sd
