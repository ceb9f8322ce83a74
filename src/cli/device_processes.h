#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.h"
#include "cli/console.h"
#include "cli/host.h"

namespace sd {

/// What --devices lists: "0,1" are cuda:0 and cuda:1, cpu may stand in it too, more than once.
/// Errors: kUsage.
std::vector<std::string> parse_devices(std::string_view flag, const std::string& text);

/// Starts the command once more for each device, all of them sharing the folder by --claim, and
/// waits for them; a signal that asks to stop goes on to them. Returns 0, or the largest exit code
/// of theirs, where one that died by a signal counts as 1. Errors: kTemporary where a process
/// cannot be started, kInterrupted.
int run_on_devices(std::string_view command, const Arguments& arguments,
                   const std::vector<std::string>& devices, const Host& host, Console& console);

}  // namespace sd
