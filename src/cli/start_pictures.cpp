#include "cli/start_pictures.h"

#include <unistd.h>

#include "core/check.h"
#include "io/frame_count.h"
#include "io/read_picture.h"

namespace sd {

Picture StartPictures::read(const std::string& path) {
  return read_bytes(read_input_file(path), path);
}

Picture StartPictures::read(const std::string& path, const Host& host) {
  if (path != "-") return read(path);
  SD_CHECK(::isatty(STDIN_FILENO) != 1, ErrorKind::kUsage,
           "--init-img - reads a picture from standard input, which is a terminal: a pipe or file "
           "was expected");
  return read_bytes(read_standard_input([&] { return host.stop_signal() != 0; }), "standard input");
}

Picture StartPictures::read_bytes(std::span<const std::uint8_t> bytes, const std::string& name) {
  Picture picture = read_picture_bytes(bytes, name);
  const std::size_t frames = count_frames(bytes);
  if (frames > 1 && told_.insert(name).second) {
    console_.warning(concat_text("'", name, "' has ", frames, " frames, the first one is taken"));
  }
  return picture;
}

}  // namespace sd
