#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace sd {

/// Who wrote a file that claims a unit of work.
struct LeaseHolder {
  std::string host;
  int64_t pid = 0;
  std::string system;  ///< the run of the kernel and the process IDs' namespace; empty: unknown
  std::string token;   ///< random, of this file alone
  int64_t turn = 0;    ///< how many leases there were of the unit before
  std::chrono::milliseconds lifetime{};  ///< so long after the file's last touch it ends

  /// This process, with a new token.
  static LeaseHolder here(int64_t turn, std::chrono::milliseconds lifetime);

  /// Whether it surely lives no more: a process ID of this very system that nobody has.
  bool is_gone() const;
};

std::string print_lease(const LeaseHolder& holder);

/// A file that claims a unit of work, as it is on the disk.
struct LeaseFile {
  std::optional<LeaseHolder> holder;   ///< nothing: it cannot be read as one
  std::chrono::nanoseconds touched{};  ///< last, by the file system's clock
};

/// Nothing where there is no such file. Opens it, since only opening asks an NFS server anew: what
/// stat tells may be a minute old. Throws kOutput where it is there and cannot be read.
std::optional<LeaseFile> read_lease(const std::filesystem::path& path);

/// What the file holds, nothing where there is none. Throws kOutput.
std::optional<std::string> read_claim_file(const std::filesystem::path& path);

/// The clock of the file system of a folder, which all hosts share, be their own clocks wrong.
class FileSystemClock {
 public:
  /// Throws kOutput where no file can be made in the folder.
  explicit FileSystemClock(const std::filesystem::path& folder);
  ~FileSystemClock();
  FileSystemClock(const FileSystemClock&) = delete;
  FileSystemClock& operator=(const FileSystemClock&) = delete;

  /// Throws kOutput.
  std::chrono::nanoseconds now() const;

 private:
  std::filesystem::path folder_;
  int descriptor_ = -1;
};

/// A lease of this process, open: touched by its descriptor, never by its name, which may have
/// become another's.
class OpenLease {
 public:
  /// Nothing is open where the file is gone.
  explicit OpenLease(const std::filesystem::path& path);
  ~OpenLease();
  OpenLease(OpenLease&& other) noexcept;
  OpenLease& operator=(OpenLease&&) = delete;

  /// Whether the file is still in its folder.
  bool is_there() const;

  /// Gives it a new lifetime.
  void touch() const;

  /// Ends its lifetime at once: its time of change becomes 0.
  void end() const;

 private:
  int descriptor_ = -1;
};

}  // namespace sd
