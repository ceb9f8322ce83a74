#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace sd {

/// A file of a model, open for reading; closed at the end.
class ModelFile {
 public:
  /// Errors: kModel for what is no file (missing, a link to nothing, a folder, a pipe), cannot be
  /// opened, or is empty: path, what was expected, what was found.
  explicit ModelFile(const std::filesystem::path& path);
  ~ModelFile();
  ModelFile(const ModelFile&) = delete;
  ModelFile& operator=(const ModelFile&) = delete;

  int descriptor() const { return descriptor_; }
  size_t size() const { return size_; }  ///< bytes, above 0

 private:
  int descriptor_;
  size_t size_ = 0;
};

/// Whether anything has that name in its folder: also a folder, or a link to nothing, which
/// ModelFile then explains.
bool is_there(const std::filesystem::path& path);

/// Errors: kModel unless `path` is a folder whose files can be listed and opened.
void check_model_folder(const std::filesystem::path& path);

/// What stands in place of a file of a model where a download or a copy went wrong, told by its
/// first bytes: "this is a git-lfs pointer …". Empty where it may be the file itself.
std::string mistaken_content(std::string_view start);

/// The text of a whole file. Errors: kModel as for ModelFile, and for mistaken content.
std::string read_model_text(const std::filesystem::path& path);

}  // namespace sd
