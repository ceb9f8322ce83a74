#include "io/temporary_file.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <random>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "core/check.h"

namespace sd {

/// A place in the list of temporaries that a signal handler may read at any time.
struct LiveName {
  enum State : int { kFree, kBeingSet, kLive };
  std::atomic<int> state = kFree;
  std::array<char, PATH_MAX> path;
};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler reads it");

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = ".sd-";
constexpr std::string_view kSuffix = ".tmp";

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

bool is_unsupported(int error) {
  return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP || error == EPERM;
}

/// 0 or the errno.
int lock(int descriptor, int how) {
  while (::flock(descriptor, how) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

/// Whether the file of this descriptor has no name any more.
bool is_unlinked(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 && status.st_nlink == 0;
}

/// Deletes the temporary unless its writer holds the lock, and says whether it did.
bool remove_if_dead(const fs::path& path) {
  // for writing, because locks of network file systems need that; a pipe of that name must not wait
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool is_removed = lock(descriptor, LOCK_EX | LOCK_NB) == 0 && ::unlink(path.c_str()) == 0;
  ::close(descriptor);
  return is_removed;
}

}  // namespace

TemporaryFile::TemporaryFile(const fs::path& folder) {
  while (!make(folder)) release();
}

TemporaryFile::~TemporaryFile() {
  if (error_ == 0 && !is_moved_) ::unlink(path_.c_str());
  release();
}

bool TemporaryFile::make(const fs::path& folder) {
  static thread_local std::random_device random;
  path_ = (folder / concat_text(kPrefix, std::hex, random(), random(), kSuffix)).string();
  listed_ = list_name(path_);
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    error_ = errno;
    return true;
  }
  // Until the lock is taken, remove_leftovers of another process may take this for a dead one's.
  // Where there are no locks it removes nothing.
  return lock(descriptor_, LOCK_EX) != 0 || !is_unlinked(descriptor_);
}

void TemporaryFile::release() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
  if (listed_ != nullptr) listed_->state = LiveName::kFree;
  listed_ = nullptr;
}

int TemporaryFile::write(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return 0;
}

int TemporaryFile::flush() {
  // EINVAL: a file system that has nothing to flush
  if (::fsync(descriptor_) != 0 && errno != EINVAL) return errno;
  // Some network file systems report errors when a descriptor is closed. This one stays open, and
  // with it the lock, until the file has its name.
  const int copy = ::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0);
  return copy < 0 || ::close(copy) == 0 || errno == EINTR ? 0 : errno;
}

int TemporaryFile::move_over(const char* target) {
  if (::rename(path_.c_str(), target) != 0) return errno;
  is_moved_ = true;
  return 0;
}

int TemporaryFile::move_to_free(const char* target) {
  if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target, RENAME_NOREPLACE) == 0) {
    is_moved_ = true;
    return 0;
  }
  if (!is_unsupported(errno)) return errno;
  if (::link(path_.c_str(), target) == 0) return 0;  // its other name goes with the temporary
  if (!is_unsupported(errno)) return errno;
  // no hard links either (FAT): take the name with an empty file, then replace that
  const int placeholder = ::open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (placeholder < 0) return errno;
  ::close(placeholder);
  const int failed = move_over(target);
  if (failed != 0) ::unlink(target);
  return failed;
}

void remove_live_temporaries() noexcept {
  const int saved = errno;
  for (LiveName& name : live_names) {
    if (name.state == LiveName::kLive) ::unlink(name.path.data());
  }
  errno = saved;
}

std::size_t remove_leftovers(const fs::path& folder) {
  std::size_t count = 0;
  std::error_code error;
  constexpr auto kOptions = fs::directory_options::skip_permission_denied;
  fs::recursive_directory_iterator entry(folder.empty() ? "." : folder, kOptions, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code gone;  // what other processes remove meanwhile is no error
    if (!is_temporary_name(entry->path().filename().string())) continue;
    if (!fs::is_regular_file(entry->symlink_status(gone))) continue;
    count += remove_if_dead(entry->path()) ? 1 : 0;
  }
  return count;
}

bool is_temporary_name(const std::string& name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return false;
  if (name.size() <= kPrefix.size() + kSuffix.size()) return false;
  return std::all_of(name.begin() + kPrefix.size(), name.end() - kSuffix.size(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace sd
