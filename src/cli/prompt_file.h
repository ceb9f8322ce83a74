#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sd {

/// The lines of `text` as Python's `str.splitlines()` finds them: ends are \n, \r\n, \r, \v, \f,
/// 0x1c to 0x1e, U+0085, U+2028 and U+2029; empty lines are kept, an end at the end adds none.
std::vector<std::string> split_lines(std::string_view text);

/// A prompt from each line of the file, or of standard input for "-". A byte order mark is left
/// out. Errors: kUsage (unreadable, not UTF-8, no line).
std::vector<std::string> read_prompt_file(const std::string& path);

}  // namespace sd
