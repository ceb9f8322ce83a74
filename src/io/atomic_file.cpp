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

/// Why a file could not be made or filled in that folder.
std::string reason(int error, const std::string& folder) {
  switch (error) {
    case ENOENT: return "the folder '" + folder + "' does not exist";
    case ENOTDIR: return "'" + folder + "' is not a folder";
    case EACCES:
    case EPERM:
    case EROFS: return "the folder '" + folder + "' may not be written to";
    case ENOSPC: return "the disk is full";
    case EDQUOT: return "the disk quota is used up";
    default: return std::strerror(error);
  }
}

[[noreturn]] void fail_to_write(const fs::path& path, int error) {
  const std::string folder = path.has_parent_path() ? path.parent_path().string() : ".";
  fail(ErrorKind::kOutput, "cannot write '", path.string(), "': ", reason(error, folder));
}

/// A new file of a name that nobody else has; deleted at the end of its scope unless it was moved.
class Temporary {
 public:
  explicit Temporary(const fs::path& target) {
    static thread_local std::random_device random;
    const std::string name = concat_text(".sd-", std::hex, random(), random(), ".tmp");
    path_ = (target.parent_path() / name).string();
    listed_ = list_name(path_);
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0) {
      const int error = errno;
      unlist();
      fail_to_write(target, error);
    }
  }
  ~Temporary() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!moved_) ::unlink(path_.c_str());
    unlist();
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

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
  void unlist() {
    if (listed_) listed_->state = LiveName::kFree;
  }

  std::string path_;
  LiveName* listed_ = nullptr;
  int descriptor_ = -1;
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

}  // namespace

std::optional<fs::path> write_file_atomically(const fs::path& path,
                                              std::span<const std::uint8_t> bytes,
                                              OnExist on_exist) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  const bool exists = fs::exists(status);
  const auto fail_taken = [&] {
    fail(ErrorKind::kOutput, "cannot write '", path.string(), "': a file of that name exists");
  };
  SD_CHECK(path.has_filename() && !fs::is_directory(status), ErrorKind::kOutput, "cannot write '",
           path.string(), "': it is a folder, the name of a file was expected");
  SD_CHECK(!exists || fs::is_regular_file(status), ErrorKind::kOutput, "cannot write '",
           path.string(), "': it is a pipe or device, not a regular file");
  if (exists && on_exist == OnExist::kSkip) return std::nullopt;
  if (exists && on_exist == OnExist::kFail) fail_taken();

  fs::path target = path;
  if (exists && on_exist == OnExist::kOverwrite && fs::is_symlink(path)) {
    target = fs::canonical(path);
  }
  Temporary temporary(target);
  if (const int failed = temporary.fill(bytes)) fail_to_write(target, failed);
  if (on_exist == OnExist::kOverwrite) {
    if (const int failed = move_over(temporary, target.c_str())) fail_to_write(target, failed);
    return target;
  }
  for (int number = 1;; ++number) {
    const int failed = move_to_free(temporary, target.c_str());
    if (failed == 0) return target;
    if (failed != EEXIST) fail_to_write(target, failed);
    if (on_exist == OnExist::kSkip) return std::nullopt;
    if (on_exist == OnExist::kFail) fail_taken();
    target = numbered(path, number);
  }
}

void remove_live_temporaries() noexcept {
  const int saved = errno;
  for (LiveName& name : live_names) {
    if (name.state == LiveName::kLive) ::unlink(name.path.data());
  }
  errno = saved;
}

}  // namespace sd
