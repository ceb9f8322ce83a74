#include "text/decoded_text.h"

#include <algorithm>
#include <array>
#include <utility>

#include "text/unicode.h"

namespace sd {

std::string decode_runs(std::vector<std::string> tokens,
                        const std::set<std::string, std::less<>>& separate,
                        const std::function<std::string(std::vector<std::string>)>& text_of) {
  std::vector<std::string> parts, run;
  const auto finish = [&](bool keep_empty) {
    if (run.empty()) return;
    std::string text = text_of(std::move(run));
    run.clear();
    if (keep_empty || !text.empty()) parts.push_back(std::move(text));
  };
  for (std::string& token : tokens) {
    if (separate.contains(token)) {
      finish(false);
      parts.push_back(std::move(token));
    } else {
      run.push_back(std::move(token));
    }
  }
  finish(true);
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) text += (i > 0 ? " " : "") + parts[i];
  return text;
}

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
