#include "jobs/switch_words.h"

namespace sd {
namespace {

bool begins_switch(std::string_view word) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return word.size() > 2 && word.starts_with("--") && is_letter(word[2]);
}

/// Takes one word apart.
class WordReader {
 public:
  WordReader(const JobText& line, size_t at) : line_(line), at_(at) {}

  SwitchWord read() {
    SwitchWord word{"", at_, begins_switch(line_.text.substr(at_))};
    while (at_ < line_.text.size() && !is_blank(line_.text[at_])) {
      switch (line_.text[at_]) {
        case '\'': read_quoted(word.text, '\'', ""); break;
        case '"': read_quoted(word.text, '"', "\"\\"); break;
        case '\\': read_escaped(word.text); break;
        default: word.text += line_.text[at_++];
      }
    }
    return word;
  }

  size_t at() const { return at_; }

 private:
  /// `escaped`: what a backslash goes before.
  void read_quoted(std::string& text, char quote, std::string_view escaped) {
    const size_t begin = at_++;
    for (;; ++at_) {
      if (at_ >= line_.text.size()) {
        line_.fail_at(begin, "expected a second ", quote, " after this one, found none (\\", quote,
                      " stands for the character)");
      }
      const char c = line_.text[at_];
      if (c == quote) break;
      const bool has_next = at_ + 1 < line_.text.size();
      if (c == '\\' && has_next && escaped.find(line_.text[at_ + 1]) != escaped.npos) ++at_;
      text += line_.text[at_];
    }
    ++at_;
  }

  void read_escaped(std::string& text) {
    if (at_ + 1 == line_.text.size()) {
      line_.fail_at(at_, "expected a character after the backslash, found the end of the line");
    }
    text += line_.text[at_ + 1];
    at_ += 2;
  }

  const JobText& line_;
  size_t at_;
};

}  // namespace

size_t find_switch(std::string_view line) {
  for (size_t at = line.find("--"); at != line.npos; at = line.find("--", at + 1)) {
    if ((at == 0 || is_blank(line[at - 1])) && begins_switch(line.substr(at))) return at;
  }
  return line.size();
}

std::vector<SwitchWord> split_words(const JobText& line, size_t offset) {
  std::vector<SwitchWord> words;
  for (size_t at = offset; at < line.text.size();) {
    if (is_blank(line.text[at])) {
      ++at;
      continue;
    }
    WordReader reader(line, at);
    words.push_back(reader.read());
    at = reader.at();
  }
  return words;
}

}  // namespace sd
