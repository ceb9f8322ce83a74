#include "jobs/json_elements.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace sd {
namespace {

/// What a message says of the character that stands where another was expected.
std::string print_character(std::optional<char> character, std::string_view window) {
  if (!character) return "the end of the file";
  return "'" + quotable(window.substr(0, window.find_first_of(" \t\r\n")), 20) + "'";
}

}  // namespace

template <typename... Parts>
void JsonElements::break_off(const JobPlace& place, const Parts&... parts) {
  state_ = State::kBroken;
  fail(ErrorKind::kUsage, print_place(place), ": ", parts...);
}

void JsonElements::take(size_t count) {
  place_ = place_after(place_, input_.bytes().substr(0, count));
  input_.take(count);
}

/// The first of the window that is no blank; nothing at the end of the file.
std::optional<char> JsonElements::next_character() {
  for (;;) {
    const std::string_view bytes = input_.bytes();
    const size_t blanks = std::min(bytes.find_first_not_of(" \t\r\n"), bytes.size());
    take(blanks);
    if (!input_.bytes().empty()) return input_.bytes()[0];
    if (!input_.grow()) return std::nullopt;
  }
}

/// Goes to the beginning of the next element.
bool JsonElements::finds_element() {
  for (;;) {
    const std::optional<char> c = next_character();
    const auto found = [&] { return print_character(c, input_.bytes()); };
    switch (state_) {
      case State::kStart:
        state_ = c == '[' ? State::kFirst : State::kSequence;
        if (c == '[') take(1);
        break;
      case State::kFirst:
      case State::kElement:
        if (!c) break_off(place_, "expected an object or ], found the end of the file");
        if (c == ']' && state_ == State::kFirst) {
          take(1);
          state_ = State::kAfterArray;
          break;
        }
        if (c == '}') break_off(place_, "expected an object, found '}'");
        state_ = State::kComma;
        if (c != ']' && c != ',') return true;
        fail(ErrorKind::kUsage, print_place(place_), ": expected an object, found '", *c, "'");
      case State::kComma:
        if (c == '{') {  // it is clear what was meant, and the object can be read
          state_ = State::kElement;
          fail(ErrorKind::kUsage, print_place(place_), ": expected , between objects, found none");
        }
        if (c != ',' && c != ']') break_off(place_, "expected , or ], found ", found());
        take(1);
        state_ = c == ',' ? State::kElement : State::kAfterArray;
        break;
      case State::kSequence:
        if (c && c != '{') break_off(place_, "expected an object in braces { }, found ", found());
        return c.has_value();
      case State::kAfterArray:
        if (c) break_off(place_, "expected nothing after the ], found ", found());
        return false;
      case State::kBroken: return false;
    }
  }
}

/// Goes on through the window to the end of the element or of the window. Objects and arrays end
/// with their bracket, other values before what follows them.
void JsonElements::look_through(Scan& scan) {
  const std::string_view bytes = input_.bytes();
  for (; scan.at < bytes.size() && !scan.is_finished; ++scan.at) {
    const char c = bytes[scan.at];
    if (scan.is_in_text) {
      if (c == '\n') refuse_text(scan);
      const bool ends = c == '"' && !scan.is_escaped;
      scan.is_escaped = c == '\\' && !scan.is_escaped;
      if (!ends) continue;
      scan.is_in_text = false;
      scan.is_finished = scan.depth == 0;
    } else if (c == '"') {
      scan.is_in_text = true;
      scan.text_begin = scan.at;
    } else if (c == '{' || c == '[') {
      ++scan.depth;
    } else if (scan.depth > 0 && (c == '}' || c == ']')) {
      scan.is_finished = --scan.depth == 0;
    } else if (scan.depth == 0 &&
               std::string_view(",]} \t\r\n").find(c) != std::string_view::npos) {
      scan.is_finished = true;
      return;
    }
  }
}

/// Strings of JSON hold no line ends; this one is not closed.
void JsonElements::refuse_text(const Scan& scan) {
  break_off(place_after(place_, input_.bytes().substr(0, scan.text_begin)),
            "expected a second \" in this line, found none");
}

JobText JsonElements::read_element() {
  Scan scan;
  for (;;) {
    look_through(scan);
    if (scan.at > kMaxJobText) {
      long_ = scan;
      fail(ErrorKind::kUsage, print_place(place_), ": expected an object of at most ", kMaxJobText,
           " bytes, found more");
    }
    if (scan.is_finished) break;
    if (!input_.grow()) {
      if (scan.is_in_text) refuse_text(scan);
      break_off(place_, "expected an end of what begins here, found the end of the file");
    }
  }
  to_take_ = scan.at;
  return {input_.bytes().substr(0, scan.at), place_};
}

void JsonElements::skip_long_element() {
  Scan& scan = *long_;
  const JobPlace begin = place_;
  for (;;) {
    take(std::exchange(scan.at, 0));
    scan.text_begin = 0;
    if (scan.is_finished) break;
    if (input_.bytes().empty() && !input_.grow()) {
      break_off(begin, "expected an end of what begins here, found the end of the file");
    }
    look_through(scan);
  }
  long_.reset();
}

std::optional<JobText> JsonElements::next() {
  if (is_broken()) return std::nullopt;
  take(std::exchange(to_take_, 0));
  if (long_) skip_long_element();
  if (!finds_element()) return std::nullopt;
  return read_element();
}

}  // namespace sd
