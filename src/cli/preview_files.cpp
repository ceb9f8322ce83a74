#include "cli/preview_files.h"

#include <system_error>

#include "io/atomic_file.h"
#include "io/png.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

fs::path preview_path(fs::path path) { return path.replace_extension(".preview.png"); }

}  // namespace

PreviewFiles::~PreviewFiles() {
  std::error_code error;
  for (const fs::path& path : shown_) fs::remove(path, error);
}

void PreviewFiles::show(const fs::path& picture_path, const Picture& picture) {
  const fs::path path = preview_path(picture_path);
  write_file_atomically(path, encode_png(picture), OnExist::kOverwrite);
  shown_.insert(path);
}

void PreviewFiles::remove(const fs::path& picture_path) {
  const fs::path path = preview_path(picture_path);
  std::error_code error;
  if (shown_.erase(path) > 0) fs::remove(path, error);
}

}  // namespace sd
