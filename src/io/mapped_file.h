#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace sd {

/// A whole file mapped read-only. Pages are read when they are touched; nothing can be written
/// through it.
class MappedFile {
 public:
  /// Errors: kModel as for ModelFile, and where the system cannot map the file.
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  /// Takes the pages that lie wholly in [begin, end) out of this process' memory; whoever touches
  /// them again reads them again.
  void drop_pages(size_t begin, size_t end) const noexcept;
  const std::filesystem::path& path() const { return path_; }

 private:
  MappedFile(std::filesystem::path path, const std::byte* data, size_t size)
      : path_(std::move(path)), data_(data), size_(size) {}

  std::filesystem::path path_;
  const std::byte* data_;
  size_t size_;
};

}  // namespace sd
