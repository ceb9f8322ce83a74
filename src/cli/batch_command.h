#pragma once

#include <string_view>

#include "cli/arguments.h"
#include "cli/batch_session.h"
#include "cli/console.h"
#include "cli/host.h"

namespace sd {

/// Runs the session of `sd COMMAND` and returns its exit code: in this process, or with --devices
/// in one for each of them, once all jobs are checked here. Errors: what ends the run.
int run_session(std::string_view command, BatchSession& session, const Arguments& arguments,
                const Host& host, Console& console);

}  // namespace sd
