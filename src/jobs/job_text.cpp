#include "jobs/job_text.h"

#include <algorithm>

#include "io/utf8.h"

namespace sd {

JobPlace JobText::place(size_t offset) const { return place_after(start, text.substr(0, offset)); }

void JobText::check_encoding() const {
  for (size_t at = 0; at < text.size();) {
    const size_t length = utf8_sequence(text.substr(at));
    if (length == 0) fail_at(at, "expected text in UTF-8, found a byte that is none");
    if (text[at] == '\0') fail_at(at, "expected text, found a NUL character");
    at += length;
  }
}

JobPlace place_after(JobPlace start, std::string_view bytes) {
  start.column = std::max<size_t>(start.column, 1);
  while (!bytes.empty()) {
    if (bytes[0] == '\n') {
      ++start.line;
      start.column = 0;
    }
    ++start.column;
    bytes.remove_prefix(std::max<size_t>(utf8_sequence(bytes), 1));
  }
  return start;
}

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

size_t json_string_length(std::string_view text) {
  size_t at = 1;
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return std::min(at + 1, text.size());
}

std::string quotable(std::string_view text, size_t most) {
  constexpr std::string_view kReplacement = "\uFFFD";
  std::string quoted;
  for (size_t count = 0; !text.empty(); ++count) {
    if (count == most) return quoted + "\u2026";
    const size_t length = utf8_sequence(text);
    const bool is_shown = length > 0 && static_cast<unsigned char>(text[0]) >= ' ';
    quoted += is_shown ? text.substr(0, length) : kReplacement;
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return quoted;
}

}  // namespace sd
