#pragma once

#include <optional>

#include "cli/arguments.h"
#include "cli/console.h"
#include "cli/host.h"

namespace sd {

/// What img2img starts from; nothing for txt2img.
struct Start {
  std::optional<Picture> picture;
  std::optional<Latents> latents;
  std::string name;  ///< of the file, without its folder; "-" for standard input
};

/// Plans, loads the model, paints batch after batch and saves each image as soon as its batch is
/// done. An image with a numerical failure does not stop the others. Returns the exit code.
/// Errors: whatever stops the work; the images made before are there.
int run_paint(const Arguments& arguments, const Start& start, const Host& host, Console& console);

}  // namespace sd
