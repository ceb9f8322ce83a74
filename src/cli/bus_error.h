#pragma once

namespace sd {

/// From now on a file that becomes shorter while it is mapped, as weights are, ends the program
/// with one sentence and the exit code of kModel.
void install_bus_error_handler();

}  // namespace sd
