#pragma once

#include <string>

#include "cli/command.h"

namespace sd {

/// "-p, --prompt TEXT": the names of an option as help and man page show them.
std::string option_heading(const Option& option);

/// "what it does (1 to 1000; default: …)".
std::string option_help(const Option& option);

std::string short_usage();                         ///< for `sd` without arguments
std::string overview_help();                       ///< sd --help
std::string command_help(const Command& command);  ///< sd COMMAND --help
std::string version_text();                        ///< sd --version

}  // namespace sd
