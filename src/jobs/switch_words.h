#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "jobs/job_text.h"

namespace sd {

/// A word of a line with switches.
struct SwitchWord {
  std::string text;        ///< without quotes and backslashes
  size_t offset;           ///< in the line
  bool is_switch = false;  ///< -- and a letter, not in quotes
};

/// Where the first word of a line begins that starts with -- and a letter; its size if none does.
size_t find_switch(std::string_view line);

/// The words of the line from `offset` on, parted and quoted as a POSIX shell does it (and Python's
/// `shlex.split`): blanks part them, '…' takes all as it is, "…" all but \" and \\, and a backslash
/// the character after it. Errors: kUsage with the place of a quote without its end, or of a
/// backslash at the end.
std::vector<SwitchWord> split_words(const JobText& line, size_t offset);

}  // namespace sd
