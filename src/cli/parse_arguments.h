#pragma once

#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/command.h"

namespace sd {

/// Reads what follows the command's name. In long names `_` and `-` are one. Where an option is
/// repeated the last one counts, so that a script can add to a command line. The value of an option
/// is the next argument whatever it looks like ("-5", "", "-"), but not another option of the
/// command: for such a text there is --prompt=TEXT.
/// What is no option goes to `files` where the command takes them; after -- everything does.
/// Where --help or --version is among them nothing else is read.
/// Errors: kUsage, one sentence that names the option, what was expected and what was found.
Arguments parse_arguments(const Command& command, const std::vector<std::string>& arguments);

}  // namespace sd
