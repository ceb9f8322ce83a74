#pragma once

#include <string>

namespace sd {

/// Scripts that teach a shell to complete `sd`'s commands, options and values; made from the tables
/// that the parser and --help read.
std::string bash_completion();
std::string zsh_completion();
std::string fish_completion();

}  // namespace sd
