#pragma once

#include <vector>

#include "cli/options.h"

namespace sd {

/// All options of `sd batch`: what every job takes where it says nothing itself, where the pictures
/// go, and how the run goes on.
std::vector<OptionGroup> batch_option_groups();

}  // namespace sd
