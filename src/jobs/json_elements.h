#pragma once

#include <cstddef>
#include <optional>

#include "jobs/job_input.h"
#include "jobs/job_text.h"

namespace sd {

/// The elements of a JSON array, or JSON objects one after the other, each as soon as it is
/// complete. Finds where they begin and end; what is in them is for a parser.
class JsonElements {
 public:
  /// The input must outlive this.
  explicit JsonElements(JobInput& input) : input_(input), place_{input.name(), 1, 1} {}

  /// The next element, nothing after the last. It is valid until the next call. Errors: kUsage with
  /// the place of what does not belong between elements, of an element without an end or of more
  /// than kMaxJobText bytes. The next call goes on after it, unless is_broken().
  std::optional<JobText> next();

  bool is_broken() const { return state_ == State::kBroken; }

 private:
  enum class State {
    kStart,
    kFirst,    ///< after [
    kElement,  ///< after a comma
    kComma,    ///< after an element of an array
    kSequence,
    kAfterArray,
    kBroken,
  };
  /// How far an element has been looked through.
  struct Scan {
    size_t at = 0;
    size_t depth = 0;
    bool is_in_text = false;
    bool is_escaped = false;
    size_t text_begin = 0;
    bool is_finished = false;
  };

  void take(size_t count);
  std::optional<char> next_character();
  bool finds_element();
  void look_through(Scan& scan);
  [[noreturn]] void refuse_text(const Scan& scan);
  JobText read_element();
  void skip_long_element();
  template <typename... Parts>
  [[noreturn]] void break_off(const JobPlace& place, const Parts&... parts);

  JobInput& input_;
  JobPlace place_;  // of the first byte of the window
  State state_ = State::kStart;
  size_t to_take_ = 0;        // bytes of the last element
  std::optional<Scan> long_;  // of an element that is too long
};

}  // namespace sd
