#pragma once

#include <sstream>
#include <string>

#include "sd/error.h"

namespace sd {

/// The parts, printed one after the other.
template <typename... Parts>
std::string concat_text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// Throws sd::Error of that kind; the parts make its one sentence.
template <typename... Parts>
[[noreturn]] void fail(ErrorKind kind, const Parts&... parts) {
  throw Error(kind, concat_text(parts...));
}

}  // namespace sd

/// Throws sd::Error(kind, parts…) unless `condition` holds. For what users can cause; our own bugs
/// are TORCH_INTERNAL_ASSERT or assert.
#define SD_CHECK(condition, kind, ...)               \
  do {                                               \
    if (!(condition)) ::sd::fail(kind, __VA_ARGS__); \
  } while (false)
