#include "io/atomic_file.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <random>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "core/check.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

/// A place in the list of temporaries that a signal handler may read at any time.
struct LiveName {
  enum State : int { kFree, kBeingSet, kLive };
  std::atomic<int> state = kFree;
  std::array<char, PATH_MAX> path;
};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler reads it");

/// Writes at once in one process; one more than these is made but not listed.
std::array<LiveName, 32> live_names;

LiveName* list_name(const std::string& path) {
  if (path.size() >= PATH_MAX) return nullptr;  // open() will refuse it
  for (LiveName& name : live_names) {
    int expected = LiveName::kFree;
    if (!name.state.compare_exchange_strong(expected, LiveName::kBeingSet)) continue;
    std::memcpy(name.path.data(), path.c_str(), path.size() + 1);
    name.state = LiveName::kLive;
    return &name;
  }
  return nullptr;
}

/// The folder that holds `path`.
fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

/// Why a file could not be made or filled in that folder.
std::string reason(int error, const std::string& folder) {
  std::error_code unknown;
  switch (error) {
    case ENOENT:  // folders of /proc are there and take no file
      return "the folder '" + folder + "' " +
             (fs::is_directory(folder, unknown) ? "takes no files" : "does not exist");
    case ENOTDIR: return "'" + folder + "' is not a folder";
    case EACCES:
    case EPERM:
    case EROFS: return "the folder '" + folder + "' may not be written to";
    case ENOSPC: return "the disk is full";
    case EDQUOT: return "the disk quota is used up";
    default: return std::strerror(error);
  }
}

/// `target` is where the bytes go: `path`, or what it links to.
[[noreturn]] void fail_to_write(const fs::path& path, const fs::path& target, int error) {
  fail(ErrorKind::kOutput, "cannot write '", path.string(),
       "': ", path == target ? "" : "it is a link to '" + target.string() + "', and ",
       reason(error, folder_of(target).string()));
}

[[noreturn]] void fail_taken(const fs::path& path) {
  fail(ErrorKind::kOutput, "cannot write '", path.string(), "': a file of that name exists");
}

/// A new file of a name that nobody else has; deleted at the end of its scope unless it was moved.
class Temporary {
 public:
  explicit Temporary(const fs::path& folder) {
    static thread_local std::random_device random;
    const std::string name = concat_text(".sd-", std::hex, random(), random(), ".tmp");
    path_ = (folder / name).string();
    listed_ = list_name(path_);
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0) error_ = errno;
  }
  ~Temporary() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (error_ == 0 && !moved_) ::unlink(path_.c_str());
    if (listed_) listed_->state = LiveName::kFree;
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  /// 0, or the errno where it could not be made.
  int error() const { return error_; }

  /// 0 or the errno.
  int fill(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return errno;
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    // EINVAL: a file system that has nothing to flush
    if (::fsync(descriptor_) != 0 && errno != EINVAL) return errno;
    const int closed = ::close(descriptor_);
    descriptor_ = -1;
    return closed == 0 || errno == EINTR ? 0 : errno;
  }

  const char* path() const { return path_.c_str(); }
  void set_moved() { moved_ = true; }

 private:
  std::string path_;
  LiveName* listed_ = nullptr;
  int descriptor_ = -1;
  int error_ = 0;
  bool moved_ = false;
};

int move_over(Temporary& temporary, const char* target) {
  if (::rename(temporary.path(), target) != 0) return errno;
  temporary.set_moved();
  return 0;
}

bool is_unsupported(int error) {
  return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP || error == EPERM;
}

/// Moves the temporary to a name that is free, in one step; EEXIST where the name is taken.
int move_to_free(Temporary& temporary, const char* target) {
  if (::renameat2(AT_FDCWD, temporary.path(), AT_FDCWD, target, RENAME_NOREPLACE) == 0) {
    temporary.set_moved();
    return 0;
  }
  if (!is_unsupported(errno)) return errno;
  if (::link(temporary.path(), target) == 0) return 0;  // its other name goes with the temporary
  if (!is_unsupported(errno)) return errno;
  // no hard links either (FAT): take the name with an empty file, then replace that
  const int placeholder = ::open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (placeholder < 0) return errno;
  ::close(placeholder);
  const int error = move_over(temporary, target);
  if (error != 0) ::unlink(target);
  return error;
}

/// name.png -> name-3.png
fs::path numbered(const fs::path& path, int number) {
  fs::path result = path;
  result.replace_filename(path.stem().string() + "-" + std::to_string(number) +
                          path.extension().string());
  return result;
}

/// Where a link at `path` leads through all further links, be a file there or not; else `path`.
fs::path follow_links(const fs::path& path) {
  constexpr int kMostLinks = 40;  // as Linux
  fs::path target = path;
  std::error_code error;
  for (int links = 0; fs::is_symlink(fs::symlink_status(target, error)); ++links) {
    if (links == kMostLinks) fail_to_write(path, path, ELOOP);
    target = target.parent_path() / fs::read_symlink(target, error);
  }
  return target;
}

/// The file in which the bytes for `path` shall be, and whether it is there. Complains where it is
/// none that could be written.
struct Target {
  Target(const fs::path& path, OnExist on_exist) : file(path) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    SD_CHECK(path.has_filename() && !fs::is_directory(status), ErrorKind::kOutput, "cannot write '",
             path.string(), "': it is a folder, the name of a file was expected");
    if (status.type() == fs::file_type::none) fail_to_write(path, path, error.value());
    exists = fs::exists(status);
    SD_CHECK(!exists || fs::is_regular_file(status), ErrorKind::kOutput, "cannot write '",
             path.string(), "': it is a pipe or device, not a regular file");
    if (exists && on_exist == OnExist::kFail) fail_taken(path);
    if (on_exist == OnExist::kOverwrite) file = follow_links(path);
  }

  fs::path file;
  bool exists = false;
};

}  // namespace

std::optional<fs::path> write_file_atomically(const fs::path& path,
                                              std::span<const std::uint8_t> bytes,
                                              OnExist on_exist) {
  const Target wanted(path, on_exist);
  if (wanted.exists && on_exist == OnExist::kSkip) return std::nullopt;
  fs::path target = wanted.file;
  Temporary temporary(folder_of(target));
  if (const int failed = temporary.error()) fail_to_write(path, target, failed);
  if (const int failed = temporary.fill(bytes)) fail_to_write(path, target, failed);
  if (on_exist == OnExist::kOverwrite) {
    if (const int failed = move_over(temporary, target.c_str())) {
      fail_to_write(path, target, failed);
    }
    return target;
  }
  for (int number = 1;; ++number) {
    const int failed = move_to_free(temporary, target.c_str());
    if (failed == 0) return target;
    if (failed != EEXIST) fail_to_write(target, target, failed);
    if (on_exist == OnExist::kSkip) return std::nullopt;
    if (on_exist == OnExist::kFail) fail_taken(path);
    target = numbered(path, number);
  }
}

void check_file_can_be_written(const fs::path& path, OnExist on_exist) {
  const Target target(path, on_exist);
  const Temporary probe(folder_of(target.file));
  if (const int failed = probe.error()) fail_to_write(path, target.file, failed);
}

void check_folder_takes_files(const fs::path& folder) {
  const auto fail_folder = [&](const std::string& why) {
    fail(ErrorKind::kOutput, "cannot write into the folder '", folder.string(), "': ", why);
  };
  fs::path there = folder;
  std::error_code error;
  const auto is_missing = [&] {  // a link to nowhere is not: no folder can be made in its place
    return fs::symlink_status(there, error).type() == fs::file_type::not_found;
  };
  while (there.has_relative_path() && is_missing()) there = there.parent_path();
  if (there.empty()) there = ".";
  const fs::file_status status = fs::status(there, error);
  if (status.type() == fs::file_type::none) fail_folder(error.message());
  if (!fs::is_directory(status)) fail_folder("'" + there.string() + "' is not a folder");
  const Temporary probe(there);
  if (probe.error() != 0) fail_folder(reason(probe.error(), there.string()));
}

void remove_live_temporaries() noexcept {
  const int saved = errno;
  for (LiveName& name : live_names) {
    if (name.state == LiveName::kLive) ::unlink(name.path.data());
  }
  errno = saved;
}

}  // namespace sd
