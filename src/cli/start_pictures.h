#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>

#include "cli/console.h"
#include "cli/host.h"
#include "io/picture.h"

namespace sd {

/// Reads the pictures that img2img starts from. Of an animation it takes the first frame, and says
/// so, once for each name.
class StartPictures {
 public:
  explicit StartPictures(Console& console) : console_(console) {}

  /// Errors: kInput.
  Picture read(const std::string& path);
  /// The same, and of standard input where `path` is "-". Errors: kInput, and kUsage where standard
  /// input is a terminal.
  Picture read(const std::string& path, const Host& host);
  /// The same from a whole file's bytes; `name` names them.
  Picture read_bytes(std::span<const std::uint8_t> bytes, const std::string& name);

 private:
  Console& console_;
  std::set<std::string> told_;
};

}  // namespace sd
