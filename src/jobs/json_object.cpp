#include "jobs/json_object.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace sd {
namespace {

using Json = nlohmann::json;

constexpr size_t kLongestCause = 120;  // characters

/// Characters for the parser that tell how far it has read.
struct Cursor {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at;
  const char** farthest;

  const char& operator*() const { return *at; }
  Cursor& operator++() {
    *farthest = ++at;
    return *this;
  }
  Cursor operator++(int) {
    const Cursor before = *this;
    ++*this;
    return before;
  }
  bool operator==(const Cursor& other) const { return at == other.at; }
};

/// Where the last word, string or sign of this beginning of a JSON text begins.
size_t last_token(std::string_view text) {
  constexpr std::string_view kSigns = "{}[],:";
  constexpr std::string_view kEnds = "{}[],:\" \t\r\n";
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    if (is_blank(text[at])) {
      ++at;
      continue;
    }
    begin = at;
    if (text[at] == '"') {
      at += json_string_length(text.substr(at));
    } else if (kSigns.find(text[at]) != kSigns.npos) {
      ++at;
    } else {
      at = std::min(text.find_first_of(kEnds, at), text.size());
    }
  }
  return begin;
}

/// Hears what the parser finds in an object whose values are no objects themselves, and no lists of
/// such or of lists.
class ObjectListener : public nlohmann::json_sax<Json> {
 public:
  ObjectListener(const JobText& text, JobBuilder& job) : text_(text), job_(job) {}

  /// Bytes that the parser has read.
  const char* farthest = nullptr;

  bool start_object(std::size_t) override {
    if (list_) refuse_list();
    if (depth_++ > 0) store({ValueKind::kOther, "an object"});
    return true;
  }
  bool end_object() override { return true; }
  bool key(std::string& name) override {
    key_ = std::move(name);
    key_offset_ = key_begin();
    return true;
  }
  bool null() override {
    if (list_) return store({ValueKind::kOther, "null"});
    job_.skip(key_, key_offset_);
    return true;
  }
  bool boolean(bool value) override {
    return store({ValueKind::kBoolean, value ? "true" : "false"});
  }
  bool number_integer(std::int64_t value) override {
    return store({ValueKind::kNumber, std::to_string(value)});
  }
  bool number_unsigned(std::uint64_t value) override {
    return store({ValueKind::kNumber, std::to_string(value)});
  }
  bool number_float(double, const std::string& digits) override {
    return store({ValueKind::kNumber, digits});
  }
  bool string(std::string& value) override { return store({ValueKind::kText, std::move(value)}); }
  bool binary(Json::binary_t&) override { return false; }  // no part of JSON
  bool start_array(std::size_t) override {
    if (list_) refuse_list();
    list_.emplace();
    return true;
  }
  bool end_array() override {
    const std::string list = std::exchange(list_, std::nullopt).value_or("");
    return store({ValueKind::kList, list.empty() ? "none" : list});
  }

  bool parse_error(std::size_t position, const std::string&,
                   const Json::exception& error) override {
    const std::string_view found = cause(error.what());
    const bool is_cut = found.starts_with("unexpected end of input");
    const size_t offset = is_cut ? text_.text.size() : last_token(text_.text.substr(0, position));
    text_.fail_at(offset, "expected valid JSON (", quotable(found, kLongestCause), ")");
  }

 private:
  /// "unexpected end of input; expected ']'" of "[…] parse error at …: syntax error while parsing
  /// array - unexpected end of input; expected ']'".
  static std::string_view cause(std::string_view what) {
    const size_t dash = what.find(" - ");
    const size_t bracket = what.find("] ");
    what.remove_prefix(dash != what.npos ? dash + 3 : bracket != what.npos ? bracket + 2 : 0);
    return what.substr(0, what.find("; last read"));
  }

  /// A value of the key, or the next one of its list.
  bool store(const JobValue& value) {
    if (list_) {
      if (!list_->empty()) *list_ += ',';
      *list_ += value.kind == ValueKind::kText ? Json(value.text).dump() : value.text;
    } else {
      job_.set(key_, value, key_offset_);
    }
    return true;
  }

  void refuse_list() {
    job_.set(key_, {ValueKind::kOther, "a list of lists or objects"}, key_offset_);
  }

  /// Where the quote stands that begins the key whose last quote was read just now.
  size_t key_begin() const {
    const auto is_escaped = [&](size_t at) {
      size_t backslashes = 0;
      while (backslashes < at && text_.text[at - backslashes - 1] == '\\') ++backslashes;
      return backslashes % 2 == 1;
    };
    auto at = static_cast<size_t>(farthest - text_.text.data()) - 2;
    while (text_.text[at] != '"' || is_escaped(at)) --at;
    return at;
  }

  const JobText& text_;
  JobBuilder& job_;
  int depth_ = 0;
  std::string key_;
  size_t key_offset_ = 0;
  std::optional<std::string> list_;  ///< what it holds so far
};

}  // namespace

Job read_json_object(const JobText& text, const JobDefaults& defaults) {
  text.check_encoding();
  const std::string_view trimmed = trim(text.text);
  if (!trimmed.starts_with('{')) {
    const auto offset = static_cast<size_t>(trimmed.data() - text.text.data());
    text.fail_at(offset, "expected an object in braces { }, found '", quotable(trimmed), "'");
  }
  JobBuilder job(text, defaults);
  ObjectListener listener(text, job);
  const char* begin = text.text.data();
  listener.farthest = begin;
  Json::sax_parse(Cursor{begin, &listener.farthest},
                  Cursor{begin + text.text.size(), &listener.farthest}, &listener);
  return job.finish();
}

}  // namespace sd
