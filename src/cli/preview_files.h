#pragma once

#include <filesystem>
#include <set>

#include "sd/picture.h"

namespace sd {

/// Pictures as they form: for out/a.png the file out/a.preview.png, written anew at every preview
/// and gone when the picture itself is there or nothing more will come.
class PreviewFiles {
 public:
  PreviewFiles() = default;
  ~PreviewFiles();
  PreviewFiles(const PreviewFiles&) = delete;
  PreviewFiles& operator=(const PreviewFiles&) = delete;

  /// Shows what the picture of that path would be by now. Errors: kOutput.
  void show(const std::filesystem::path& picture_path, const Picture& picture);
  /// Takes the preview of that picture away.
  void remove(const std::filesystem::path& picture_path);

 private:
  std::set<std::filesystem::path> shown_;
};

}  // namespace sd
