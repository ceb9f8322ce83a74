#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace sd {

/// A term and what it means: "0", "all done".
struct HelpRow {
  std::string_view term;
  std::string_view meaning;
};

/// What --help and the man page explain beside commands and options.
struct HelpSection {
  std::string_view title;
  std::string_view intro;  ///< one sentence or nothing
  std::vector<HelpRow> rows;
};

/// Names of pictures, keys of --json, environment, exit status.
std::span<const HelpSection> help_sections();

}  // namespace sd
