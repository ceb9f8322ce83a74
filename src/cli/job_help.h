#pragma once

#include <vector>

#include "cli/help_sections.h"

namespace sd {

// What --help explains of jobs, command by command.
std::vector<HelpSection> batch_sections();   ///< each format by an example, keys, names
std::vector<HelpSection> replay_sections();  ///< keys, names
std::vector<HelpSection> grid_sections();    ///< axes, keys, names

}  // namespace sd
