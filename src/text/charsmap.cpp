#include "text/charsmap.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "text/unicode.h"

namespace sd {
namespace {

// The layout of a unit is that of s-yata/darts-clone, `darts.h`.
bool has_leaf(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t value_of(uint32_t unit) { return unit & 0x7FFFFFFF; }
uint32_t label_of(uint32_t unit) { return unit & 0x800000FF; }
uint32_t offset_of(uint32_t unit) { return unit >> 10 << ((unit & 0x200) >> 6); }

uint32_t u32_at(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 4; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

}  // namespace

Charsmap::Charsmap(std::string_view blob, const std::string& where) {
  const size_t size = blob.size() < 4 ? 0 : u32_at(blob, 0);
  SD_CHECK(
      size >= 4 && size % 4 == 0 && size < blob.size() - 4 && blob.back() == '\0',
      ErrorKind::kModel, where,
      ": precompiled_charsmap must hold a table and its replacements, but its sizes do not fit");
  units_.reserve(size / 4);
  for (size_t at = 4; at < 4 + size; at += 4) units_.push_back(u32_at(blob, at));
  replacements_ = blob.substr(4 + size);
  SD_CHECK(repair_utf8(replacements_) == replacements_, ErrorKind::kModel, where,
           ": the replacements of precompiled_charsmap must be UTF-8, but they are not");
  check(where);
}

/// Follows every way through the array.
void Charsmap::check(const std::string& where) const {
  std::vector<std::pair<uint32_t, uint32_t>> children;  // base of the parent, unit
  for (uint32_t i = 0; i < units_.size(); ++i) {
    const uint32_t label = label_of(units_[i]);
    if (label > 0 && label < 256) children.emplace_back(i ^ label, i);
  }
  std::sort(children.begin(), children.end());
  std::vector<bool> seen(units_.size());
  std::vector<uint32_t> open = {offset_of(units_[0])};
  while (!open.empty()) {
    const uint32_t base = open.back();
    open.pop_back();
    SD_CHECK((base | 0xFF) < units_.size(), ErrorKind::kModel, where,
             ": the table of precompiled_charsmap leads to place ", base, " of ", units_.size());
    if (seen[base]) continue;
    seen[base] = true;
    auto child = std::lower_bound(children.begin(), children.end(), std::pair(base, 0U));
    for (; child != children.end() && child->first == base; ++child) {
      const uint32_t unit = units_[child->second];
      const uint32_t next = child->second ^ offset_of(unit);
      open.push_back(next);
      if (!has_leaf(unit) || next >= units_.size()) continue;
      const uint32_t value = value_of(units_[next]);
      const bool begins = value < replacements_.size() &&
                          (static_cast<uint8_t>(replacements_[value]) & 0xC0) != 0x80;
      SD_CHECK(begins, ErrorKind::kModel, where,
               ": a replacement of precompiled_charsmap must begin with a character among ",
               replacements_.size(), " bytes, but one is at ", value);
    }
  }
}

std::optional<std::string_view> Charsmap::find(std::string_view bytes) const {
  uint32_t at = offset_of(units_[0]);
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte == 0) break;
    at ^= byte;
    const uint32_t unit = units_[at];
    if (label_of(unit) != byte) break;
    at ^= offset_of(unit);
    if (has_leaf(unit)) return std::string_view(replacements_.data() + value_of(units_[at]));
  }
  return std::nullopt;
}

std::u32string Charsmap::normalize(std::u32string_view text) const {
  constexpr size_t kLongWhole = 5;  // bytes
  std::string out;
  while (!text.empty()) {
    const std::u32string_view cluster = text.substr(0, grapheme_length(text));
    text.remove_prefix(cluster.size());
    const std::string bytes = to_utf8(cluster);
    const auto whole = bytes.size() <= kLongWhole ? find(bytes) : std::nullopt;
    if (whole) {
      out += *whole;
      continue;
    }
    for (const char32_t c : cluster) {
      const std::string one = to_utf8(std::u32string_view(&c, 1));
      out += find(one).value_or(one);
    }
  }
  return decode_utf8(out);
}

}  // namespace sd
