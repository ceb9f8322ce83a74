#include "jobs/file_digest.h"

#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <vector>

#include "core/check.h"
#include "io/sha256.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

/// A file that is open for reading; a pipe of that name does not wait for its writer.
class OpenFile {
 public:
  explicit OpenFile(const fs::path& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~OpenFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int descriptor() const { return descriptor_; }
  bool is_regular() const {
    struct stat status {};
    return descriptor_ >= 0 && ::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode);
  }

 private:
  int descriptor_;
};

}  // namespace

std::optional<FileDigest> digest_file(const fs::path& path) {
  const OpenFile file(path);
  if (!file.is_regular()) return std::nullopt;
  constexpr std::size_t kChunk = std::size_t{1} << 18;
  std::vector<char> buffer(kChunk);
  FileDigest digest;
  Sha256 hash;
  for (;;) {
    const ssize_t count = ::read(file.descriptor(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::nullopt;
    if (count == 0) break;
    hash.add({buffer.data(), static_cast<std::size_t>(count)});
    digest.bytes += static_cast<std::uint64_t>(count);
  }
  digest.sha256 = hash.hex();
  return digest;
}

void visit_files(const fs::path& folder,
                 const std::function<void(const std::string& name)>& visit) {
  const fs::path root = folder.empty() ? "." : folder;
  std::error_code error;
  fs::recursive_directory_iterator entry(root, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code gone;  // what other processes remove meanwhile is no error
    if (entry->path().filename().native().starts_with('.')) {
      entry.disable_recursion_pending();
      continue;
    }
    if (fs::is_regular_file(entry->symlink_status(gone))) {
      visit(entry->path().lexically_relative(root).generic_string());
    }
  }
  SD_CHECK(!error, ErrorKind::kInput, "cannot read the folder '", folder.string(),
           "': ", error.message());
}

}  // namespace sd
