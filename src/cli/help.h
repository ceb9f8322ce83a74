#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cli/command.h"

namespace sd {

/// "-p, --prompt TEXT": the names of an option as help and man page show them.
std::string option_heading(const Option& option);

/// "what it does (default: …)".
std::string option_help(const Option& option);

std::string short_usage();                         ///< for `sd` without arguments
std::string overview_help();                       ///< sd --help
std::string command_help(const Command& command);  ///< sd COMMAND --help
std::string version_text();                        ///< sd --version

/// One row for each exit code: "0", "all done".
struct ExitCodeRow {
  std::string_view code;
  std::string_view meaning;
};
std::span<const ExitCodeRow> exit_code_rows();

/// One row for each environment variable that is read.
struct EnvironmentRow {
  std::string_view name;
  std::string_view meaning;
};
std::span<const EnvironmentRow> environment_rows();

}  // namespace sd
