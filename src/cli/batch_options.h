#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

#include "cli/options.h"

namespace sd {

/// All options of `sd batch`: what every job takes where it says nothing itself, where the pictures
/// go, and how the run goes on.
std::vector<OptionGroup> batch_option_groups();

// The groups of it, for commands that share them.
OptionGroup batch_job_options();
OptionGroup batch_number_options();
OptionGroup batch_place_options();
OptionGroup batch_run_options();

/// The options of these names, in their order.
std::vector<Option> picked_options(const OptionGroup& group,
                                   std::initializer_list<std::string_view> names);

}  // namespace sd
