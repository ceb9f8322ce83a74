#pragma once

#include <string>
#include <vector>

#include "cli/host.h"

namespace sd {

/// Exit code of a mistake in sd itself, EX_SOFTWARE of sysexits.h.
inline constexpr int kInternalErrorCode = 70;

/// The whole command line: `arguments` without the program's name. Returns the exit code and throws
/// nothing; every error is one sentence on host.err.
int run(const std::vector<std::string>& arguments, const Host& host) noexcept;

}  // namespace sd
