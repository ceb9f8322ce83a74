#include "sd/files.h"

#include "core/check.h"
#include "io/atomic_file.h"
#include "io/picture_format.h"
#include "io/read_picture.h"

namespace sd {

Picture load_picture(const std::filesystem::path& path) { return read_picture(path); }

void save_picture(const std::filesystem::path& path, const Picture& picture,
                  const std::string& parameters) {
  const auto format = format_of_name(path);
  SD_CHECK(format.has_value(), ErrorKind::kUsage,
           "a picture's name must end in .png, .jpg or .webp, found '", path.string(), "'");
  const EncodedPicture file = encode_picture(picture, parameters, {.format = *format});
  write_file_atomically(path, file.bytes, OnExist::kOverwrite);
}

}  // namespace sd
