#include "jobs/manifest_writer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "core/check.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

/// Whether the descriptor is still that of the file of this name.
bool is_same_file(int descriptor, const fs::path& path) {
  struct stat open {};
  struct stat named {};
  return ::fstat(descriptor, &open) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open.st_ino == named.st_ino && open.st_dev == named.st_dev;
}

/// 0 or the errno.
int write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

/// Where the last whole line of so many bytes ends; nothing where it cannot be read, with errno.
std::optional<std::uint64_t> end_of_lines(int descriptor, std::uint64_t size) {
  std::array<char, 4096> block{};
  while (size > 0) {
    const std::uint64_t begin = (size - 1) / block.size() * block.size();
    const ssize_t count =
        ::pread(descriptor, block.data(), size - begin, static_cast<off_t>(begin));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::nullopt;
    const std::string_view text(block.data(), static_cast<std::size_t>(count));
    const std::size_t end = text.rfind('\n');
    if (end != text.npos) return begin + end + 1;
    size = begin;
  }
  return 0;
}

}  // namespace

void lock_manifest(int descriptor, LockKind kind, const fs::path& path) {
  const int how = (kind == LockKind::kExclusive ? LOCK_EX : LOCK_SH) | LOCK_NB;
  int failed = 0;
  do {
    failed = ::flock(descriptor, how) == 0 ? 0 : errno;
  } while (failed == EINTR);
  // All other errors are those of file systems without locks, where none can be had.
  SD_CHECK(failed != EWOULDBLOCK, ErrorKind::kTemporary, "'", path.string(),
           "' is in use by another process: wait until it ends, or write into another folder");
}

ManifestWriter::ManifestWriter(fs::path path) : path_(std::move(path)) {
  try {
    open();
    cut_half_line();
  } catch (...) {
    if (descriptor_ >= 0) ::close(descriptor_);
    throw;
  }
}

ManifestWriter::~ManifestWriter() {
  // Still locked, so it is nobody else's; who waits for the name sees that the file is another.
  if (size_ == 0 && is_same_file(descriptor_, path_)) ::unlink(path_.c_str());
  ::close(descriptor_);
}

void ManifestWriter::open() {
  for (;;) {
    // O_NONBLOCK: a pipe of that name must not wait for its reader
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0666);
    if (descriptor_ < 0) fail_to_write(errno);
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) fail_to_write(errno);
    SD_CHECK(S_ISREG(status.st_mode), ErrorKind::kOutput, "cannot write '", path_.string(),
             "': it is a pipe or device, not a regular file");
    lock_manifest(descriptor_, LockKind::kExclusive, path_);
    if (is_same_file(descriptor_, path_)) return;
    ::close(
        std::exchange(descriptor_, -1));  // it was replaced, as by a merge, before it was locked
  }
}

void ManifestWriter::cut_half_line() {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) fail_to_write(errno);
  const auto end = end_of_lines(descriptor_, static_cast<std::uint64_t>(status.st_size));
  if (!end) fail_to_write(errno);
  size_ = *end;
  if (size_ == static_cast<std::uint64_t>(status.st_size)) return;
  if (::ftruncate(descriptor_, static_cast<off_t>(size_)) != 0) fail_to_write(errno);
}

void ManifestWriter::add(const ManifestLine& line) {
  const std::string text = print_manifest_line(line) + "\n";
  int failed = write_all(descriptor_, text);
  // EINVAL: a file system that has nothing to flush
  if (failed == 0 && ::fdatasync(descriptor_) != 0 && errno != EINVAL) failed = errno;
  if (failed != 0) {
    // Where even this fails the next writer cuts the line.
    [[maybe_unused]] const int cut = ::ftruncate(descriptor_, static_cast<off_t>(size_));
    fail_to_write(failed);
  }
  size_ += text.size();
}

void ManifestWriter::fail_to_write(int error) const {
  const std::string folder = path_.has_parent_path() ? path_.parent_path().string() : ".";
  std::string reason = std::strerror(error);
  if (error == ENOENT) reason = "the folder '" + folder + "' does not exist";
  if (error == EACCES || error == EPERM || error == EROFS) reason = "it may not be written";
  if (error == ENOSPC) reason = "the disk is full";
  if (error == EDQUOT) reason = "the disk quota is used up";
  fail(ErrorKind::kOutput, "cannot write '", path_.string(), "': ", reason);
}

}  // namespace sd
