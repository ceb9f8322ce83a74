#pragma once

#include <string>

namespace sd {

/// "40 s", "12 min", "3 h 20 min", "2 d 4 h"
std::string print_duration(double seconds);

/// "1.5 GB"
std::string print_gigabytes(double bytes);

}  // namespace sd
