#pragma once

#include <stdexcept>
#include <string>

#include "sd/api.h"

namespace sd {

/// What kind of thing went wrong; `main` maps each to an exit code of its own.
enum class ErrorKind {
  kUsage,        ///< wrong flag, value or job file
  kModel,        ///< model unreadable or unsupported
  kInput,        ///< input image or latents unreadable
  kOutput,       ///< output not writable, disk full
  kMemory,       ///< out of memory
  kNumeric,      ///< NaN or Inf in latents or picture
  kTemporary,    ///< worth trying again
  kInterrupted,  ///< stopped by the user
};

/// The one exception that leaves the library: one clear sentence that names the file, key or flag,
/// what was expected and what was found.
class SD_API Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}

  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

/// The process exit code for an error of this kind.
constexpr int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage: return 2;
    case ErrorKind::kModel: return 3;
    case ErrorKind::kInput: return 4;
    case ErrorKind::kOutput: return 5;
    case ErrorKind::kMemory: return 6;
    case ErrorKind::kNumeric: return 7;
    case ErrorKind::kTemporary: return 75;
    case ErrorKind::kInterrupted: return 130;
  }
  return 1;
}

}  // namespace sd
