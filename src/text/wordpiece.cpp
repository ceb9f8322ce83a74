#include "text/wordpiece.h"

#include <algorithm>
#include <optional>
#include <string>

#include "text/unicode.h"

namespace sd {

bool WordPiece::encode(std::u32string_view word, std::vector<int32_t>& ids) const {
  constexpr std::string_view kInside = "##";
  if (word.size() > longest_word_) return false;
  std::vector<size_t> ends;  // of the characters, in bytes behind the mark
  std::string marked(kInside);
  for (const char32_t c : word) {
    append_utf8(marked, c);
    ends.push_back(marked.size());
  }
  const size_t known = ids.size();
  size_t begin = 0;
  while (begin < word.size()) {
    // The mark stands right before the rest of the word.
    const size_t skipped = begin > 0 ? ends[begin - 1] - kInside.size() : 0;
    if (begin > 0) std::copy(kInside.begin(), kInside.end(), marked.begin() + skipped);
    const size_t first = begin > 0 ? skipped : kInside.size();
    size_t end = word.size();
    std::optional<int32_t> id;
    for (; end > begin && !id; --end) {
      id = vocabulary_.find(std::string_view(marked).substr(first, ends[end - 1] - first));
    }
    if (!id) {
      ids.resize(known);
      return false;
    }
    ids.push_back(*id);
    begin = end + 1;
  }
  return true;
}

}  // namespace sd
