#include "io/mapped_file.h"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

#include "core/check.h"
#include "core/model_file.h"

namespace sd {

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& path) {
  const ModelFile file(path);
  void* data = ::mmap(nullptr, file.size(), PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
  SD_CHECK(data != MAP_FAILED, ErrorKind::kModel, path.string(),
           ": cannot be mapped: ", std::strerror(errno));
  return std::shared_ptr<const MappedFile>(
      new MappedFile(path, static_cast<const std::byte*>(data), file.size()));
}

void MappedFile::drop_pages(size_t begin, size_t end) const noexcept {
  static const auto kPage = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t first = (begin + kPage - 1) / kPage * kPage;
  const size_t last = end / kPage * kPage;
  if (first < last) ::madvise(const_cast<std::byte*>(data_) + first, last - first, MADV_DONTNEED);
}

MappedFile::~MappedFile() { ::munmap(const_cast<std::byte*>(data_), size_); }

}  // namespace sd
