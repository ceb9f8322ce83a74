#pragma once

#include <cstdint>
#include <filesystem>

#include "jobs/manifest.h"

namespace sd {

/// Adds lines to a manifest; a line is on the disk when `add` returns. For one thread at a time.
class ManifestWriter {
 public:
  /// Makes the file where it is not there, and cuts off what a process that died left of a last
  /// line. Errors: kTemporary where another writer, also of this process, has the file open;
  /// kOutput where it cannot be written.
  explicit ManifestWriter(std::filesystem::path path);
  /// A manifest without a line goes.
  ~ManifestWriter();
  ManifestWriter(const ManifestWriter&) = delete;
  ManifestWriter& operator=(const ManifestWriter&) = delete;

  /// Errors: kOutput; nothing of the line is left then.
  void add(const ManifestLine& line);

 private:
  void open();
  void cut_half_line();
  [[noreturn]] void fail_to_write(int error) const;

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;  // of the whole lines
};

/// Takes the lock of a manifest that is open, which its writer has: alone, or with others who read.
/// Errors: kTemporary where it is taken.
enum class LockKind { kExclusive, kShared };
void lock_manifest(int descriptor, LockKind kind, const std::filesystem::path& path);

}  // namespace sd
