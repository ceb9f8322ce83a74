#include "cli/start_pictures.h"

#include "core/check.h"
#include "io/frame_count.h"
#include "io/read_picture.h"

namespace sd {

Picture StartPictures::read(const std::string& path) {
  return read_bytes(read_input_file(path), path);
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
