#include "jobs/line_reader.h"

#include <string_view>
#include <utility>

namespace sd {

void LineReader::skip_rest() {
  for (;;) {
    const size_t end = input_.bytes().find('\n');
    is_inside_ = end == std::string_view::npos;
    input_.take(is_inside_ ? input_.bytes().size() : end + 1);
    if (!is_inside_ || !input_.grow()) return;
  }
}

std::optional<JobText> LineReader::next() {
  input_.take(std::exchange(to_take_, 0));
  if (is_inside_) skip_rest();
  size_t end = std::string_view::npos;
  for (size_t searched = 0;;) {
    end = input_.bytes().find('\n', searched);
    searched = input_.bytes().size();
    if (end != std::string_view::npos || searched > kMaxJobText || !input_.grow()) break;
  }
  const std::string_view bytes = input_.bytes();
  if (bytes.empty()) return std::nullopt;
  JobText line{bytes.substr(0, end), {input_.name(), ++number_, 0}};
  if (line.text.size() > kMaxJobText) {
    is_inside_ = true;
    fail(ErrorKind::kUsage, print_place(line.place(0)), ": expected a line of at most ",
         kMaxJobText, " bytes, found more");
  }
  to_take_ = end == std::string_view::npos ? bytes.size() : end + 1;
  if (line.text.ends_with('\r')) line.text.remove_suffix(1);
  return line;
}

}  // namespace sd
