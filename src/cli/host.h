#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>

#include "sd/pipeline.h"

namespace sd {

/// What the command line needs from the process around it. Tests bring their own.
struct Host {
  std::ostream& out;  ///< results
  std::ostream& err;  ///< all else
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  std::function<int()> columns;         ///< width of the terminal behind `err`
  std::function<double()> seconds;      ///< a clock that never goes back
  std::function<double()> memory;       ///< bytes of memory that the process holds; 0: unknown
  std::function<double()> peak_memory;  ///< bytes that it held at most
  std::function<int()> stop_signal;     ///< the signal that asked the process to stop, or 0
  /// Whether somebody asked since the last call how the work goes (SIGUSR1).
  std::function<bool()> take_status_request = [] { return false; };
  std::function<uint64_t()> random_seed;  ///< for images without --seed
  std::function<std::unique_ptr<Pipeline>(const LoadOptions&, Observer&)> load;
};

}  // namespace sd
