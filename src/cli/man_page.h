#pragma once

#include <string>

namespace sd {

/// The manual page sd(1) in roff (man macros), from the tables that --help reads.
std::string man_page();

}  // namespace sd
