#include "text/decoded_text.h"

#include <algorithm>
#include <array>
#include <utility>

#include "text/unicode.h"

namespace sd {

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = text.find(from); at != text.npos; at = text.find(from)) {
    out.append(text.substr(0, at)).append(to);
    text.remove_prefix(at + from.size());
  }
  return out.append(text);
}

std::string strip(const std::string& text) {
  const std::u32string chars = decode_utf8(text);
  const auto begin = std::find_if_not(chars.begin(), chars.end(), is_python_space);
  const auto end =
      std::find_if_not(chars.rbegin(), std::make_reverse_iterator(begin), is_python_space).base();
  return to_utf8({begin, end});
}

std::string clean_up_spaces(std::string text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kRules = {{
      {" .", "."},
      {" ?", "?"},
      {" !", "!"},
      {" ,", ","},
      {" ' ", "'"},
      {" n't", "n't"},
      {" 'm", "'m"},
      {" 's", "'s"},
      {" 've", "'ve"},
      {" 're", "'re"},
  }};
  for (const auto& [from, to] : kRules) text = replace_all(text, from, to);
  return text;
}

}  // namespace sd
