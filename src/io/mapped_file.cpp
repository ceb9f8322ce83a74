#include "io/mapped_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/check.h"

namespace sd {

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a FIFO must not hang; fstat below refuses it.
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  SD_CHECK(fd >= 0, ErrorKind::kModel, path.string(), ": cannot be opened: ", std::strerror(errno));
  struct Closer {
    int fd;
    ~Closer() { ::close(fd); }
  } closer{fd};

  struct stat info {};
  SD_CHECK(::fstat(fd, &info) == 0, ErrorKind::kModel, path.string(),
           ": cannot be read: ", std::strerror(errno));
  SD_CHECK(S_ISREG(info.st_mode), ErrorKind::kModel, path.string(),
           ": expected a file of weights, found ",
           S_ISDIR(info.st_mode) ? "a folder" : "something that is not a regular file");
  SD_CHECK(info.st_size > 0, ErrorKind::kModel, path.string(),
           ": the file is empty; the download or copy did not finish");

  const auto size = static_cast<size_t>(info.st_size);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  SD_CHECK(data != MAP_FAILED, ErrorKind::kModel, path.string(),
           ": cannot be mapped: ", std::strerror(errno));
  return std::shared_ptr<const MappedFile>(
      new MappedFile(path, static_cast<const std::byte*>(data), size));
}

MappedFile::~MappedFile() { ::munmap(const_cast<std::byte*>(data_), size_); }

}  // namespace sd
