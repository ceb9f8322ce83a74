#include "jobs/safe_name.h"

#include <cctype>
#include <cstdint>

#include "io/utf8.h"

namespace sd {
namespace {

constexpr std::string_view kReserved = "/\\<>:\"|?*";

/// Unicode's categories Cc, Zl and Zp, and the marks that change the direction of what follows.
bool is_control(std::uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200e && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

bool is_reserved(std::uint32_t c) {
  return c < 0x80 && kReserved.find(static_cast<char>(c)) != kReserved.npos;
}

void drop_dots_and_spaces(std::string& text) {
  while (text.size() > 1 && (text.back() == ' ' || text.back() == '.')) text.pop_back();
}

}  // namespace

std::string safe_name(std::string_view text, std::size_t most) {
  std::string name;
  bool is_leading = true;
  for (std::size_t count = 0; !text.empty() && count < most; ++count) {
    const CodePoint next = code_point(text);
    const bool is_utf8_here = utf8_sequence(text) > 0;
    text.remove_prefix(next.length);
    const bool is_dot_or_space = next.value == '.' || next.value == ' ';
    is_leading = is_leading && is_dot_or_space;
    std::string part;
    if (is_leading || !is_utf8_here || is_control(next.value) || is_reserved(next.value)) {
      part = "_";
    } else {
      append_utf8(part, next.value);
    }
    if (name.size() + part.size() > kMaxName) break;
    name += part;
  }
  if (name.empty()) name = "_";
  drop_dots_and_spaces(name);
  return name;
}

void cut_last(std::string& text) {
  std::size_t end = text.size() - 1;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  if (end == 0) return;
  text.resize(end);
  drop_dots_and_spaces(text);
}

std::string first_words(std::string_view text) {
  constexpr int kMostWords = 8;
  const auto is_between = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x80 && (std::isspace(byte) != 0 || std::ispunct(byte) != 0);
  };
  std::string words;
  for (int count = 0; count < kMostWords; ++count) {
    while (!text.empty() && is_between(text.front())) text.remove_prefix(1);
    if (text.empty()) break;
    if (!words.empty()) words += ' ';
    while (!text.empty() && !is_between(text.front())) {
      words += text.front();
      text.remove_prefix(1);
    }
  }
  return words.empty() ? "empty" : words;
}

}  // namespace sd
