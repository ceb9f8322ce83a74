#pragma once

#include <string>
#include <string_view>

#include "cli/host.h"

namespace sd {

/// Writes results to standard output at once. Errors: kOutput where it is full or closed; `outcome`
/// ends the sentence.
void print_result(const Host& host, std::string_view bytes, const std::string& outcome = "");

}  // namespace sd
