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

/// What --help and the man page explain beside options: of all commands, or of one.
struct HelpSection {
  std::string_view title;
  std::string_view intro;  ///< a sentence or two, or nothing
  std::vector<HelpRow> rows = {};
  std::vector<std::string_view> lines = {};  ///< an example, printed as it is
};

/// What stands in names for what a picture is made of: {index}, {seed}, ...
std::vector<HelpRow> placeholder_rows();

/// Names of pictures, keys of --json, environment, exit status.
std::span<const HelpSection> help_sections();

}  // namespace sd
