#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace sd {

struct LiveName;

/// A new hidden file, `.sd-….tmp`, of a name that nobody else has; it is deleted with this unless
/// it was moved. Its flock lives as long as its writer, so that others see whether that one still
/// does.
class TemporaryFile {
 public:
  /// In that folder. Where it cannot be made, error() says why.
  explicit TemporaryFile(const std::filesystem::path& folder);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  /// 0, or the errno where it could not be made; so what the functions below return.
  int error() const { return error_; }

  /// Adds bytes at its end.
  int write(std::span<const std::uint8_t> bytes);

  /// Waits until the bytes are on the disk.
  int flush();

  /// Moves it to that name, over a file that is there.
  int move_over(const char* target);

  /// Moves it to a name that is free, in one step; EEXIST where the name is taken.
  int move_to_free(const char* target);

  const std::string& path() const { return path_; }

 private:
  /// Makes a file and locks it; false where another process removed it before it was locked.
  bool make(const std::filesystem::path& folder);
  void release();

  std::string path_;
  LiveName* listed_ = nullptr;  // among those that remove_live_temporaries deletes
  int descriptor_ = -1;
  int error_ = 0;
  bool is_moved_ = false;
};

/// Deletes the temporaries of all writes that are under way in this process. Async-signal-safe: for
/// a process that is about to end by a signal.
void remove_live_temporaries() noexcept;

/// Deletes what writes left in `folder` and in the folders below it when their processes died, but
/// no temporary whose process lives, be it this one, and nothing behind a symbolic link. On file
/// systems that know no locks it deletes nothing. Returns how many there were; one that may not be
/// deleted stays.
std::size_t remove_leftovers(const std::filesystem::path& folder);

/// Whether a file of this name is such a temporary.
bool is_temporary_name(const std::string& name);

}  // namespace sd
