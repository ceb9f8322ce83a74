#pragma once

namespace sd {

/// From now on the first SIGINT or SIGTERM is kept for stop_signal() and announced on standard
/// error; the second deletes unfinished files and ends the process at once. SIGPIPE ends it
/// quietly, which shells show as 141. A signal that the parent process set to be ignored (nohup, a
/// background job) stays ignored. SIGUSR1 is kept for take_status_request().
void install_signals();

/// Whether SIGUSR1 came since the last call: somebody asks how the work goes.
bool take_status_request();

/// The signal that asked the process to stop, or 0.
int stop_signal();

}  // namespace sd
