#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>

namespace sd {

class TemporaryFile;

/// What to do where the file to be written exists already.
enum class OnExist {
  kOverwrite,
  kFail,
  kRename,  ///< write name-1.png, name-2.png, … instead: the first that is free
  kSkip,
};

/// Writes the file whole or not at all: into a hidden temporary of the same folder, flushed to the
/// disk, then moved to its name. Unless told to overwrite it replaces nothing, also where two
/// processes write the same name at once. Follows a symbolic link at `path` when overwriting, also
/// where it leads to a file that is not there yet.
/// Returns the path written, nothing where it was skipped. Throws kOutput, and then leaves no
/// temporary: missing or read-only folder, full disk, `path` a folder or device, or already there.
std::optional<std::filesystem::path> write_file_atomically(const std::filesystem::path& path,
                                                           std::span<const std::uint8_t> bytes,
                                                           OnExist on_exist);

/// The same for a file that comes part by part: what write_file_atomically says of its path, of
/// on_exist and of errors holds for each function. Without commit nothing is left of it.
class AtomicFile {
 public:
  AtomicFile(const std::filesystem::path& path, OnExist on_exist);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::uint8_t> bytes);

  /// Gives the file its name, once; returns it, nothing where it was skipped.
  std::optional<std::filesystem::path> commit();

 private:
  std::filesystem::path path_;
  OnExist on_exist_;
  std::filesystem::path target_;  // path_, or what it links to
  std::unique_ptr<TemporaryFile> temporary_;
};

/// name.png -> name-3.png, which OnExist::kRename takes where two names before it are taken.
std::filesystem::path numbered_path(const std::filesystem::path& path, int number);

/// Throws the kOutput that write_file_atomically would throw now, as far as it can be known without
/// the bytes: it makes an empty temporary in the folder and deletes it.
void check_file_can_be_written(const std::filesystem::path& path, OnExist on_exist);

/// Throws kOutput where files cannot be made in `folder` (empty: the current one), or where it is
/// missing and cannot be made itself. Makes neither.
void check_folder_takes_files(const std::filesystem::path& folder);

}  // namespace sd
