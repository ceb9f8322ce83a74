#include "io/model_hash.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <sys/stat.h>
#include <unistd.h>

#include "core/check.h"
#include "core/model_file.h"
#include "io/atomic_file.h"
#include "io/sha256.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

/// What tells one state of a file from another: a line for each file. Nothing where one is missing.
std::optional<std::string> fingerprint(const std::vector<fs::path>& files) {
  std::string text;
  for (const fs::path& file : files) {
    std::error_code error;
    const fs::path whole = fs::canonical(file, error);
    struct stat status {};
    if (error || ::stat(whole.c_str(), &status) != 0) return std::nullopt;
    text += concat_text(whole.string(), '\n', status.st_size, ' ', status.st_mtim.tv_sec, '.',
                        status.st_mtim.tv_nsec, ' ', status.st_ino, ' ', status.st_dev, '\n');
  }
  return text;
}

/// The file that remembers these files, whatever their state is.
fs::path cache_file(const std::vector<fs::path>& files, const fs::path& cache) {
  Sha256 name;
  for (const fs::path& file : files) {
    std::error_code error;
    const std::string whole = fs::canonical(file, error).string() + '\n';
    name.add(whole);
  }
  return cache / name.hex();
}

}  // namespace

std::optional<std::string> hash_files(const std::vector<fs::path>& files,
                                      const std::function<bool()>& stop) {
  constexpr size_t kChunk = size_t{4} << 20;
  std::vector<char> buffer(kChunk);
  Sha256 hash;
  for (const fs::path& path : files) {
    const ModelFile file(path);
    for (;;) {
      if (stop()) return std::nullopt;
      const ssize_t count = ::read(file.descriptor(), buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      SD_CHECK(count >= 0, ErrorKind::kModel, path.string(),
               ": cannot be read: ", std::strerror(errno));
      if (count == 0) break;
      hash.add({buffer.data(), static_cast<size_t>(count)});
    }
  }
  return hash.hex();
}

fs::path hash_cache_folder() {
  const auto folder = [](const char* variable, const char* below) -> fs::path {
    const char* value = std::getenv(variable);
    return value == nullptr || *value == '\0' ? fs::path() : fs::path(value) / below;
  };
  const fs::path cache = folder("XDG_CACHE_HOME", "sd/hashes");
  return cache.empty() ? folder("HOME", ".cache/sd/hashes") : cache;
}

std::optional<std::string> remembered_hash(const std::vector<fs::path>& files,
                                           const fs::path& cache) {
  constexpr size_t kHexDigits = 64;
  const auto now = fingerprint(files);
  if (cache.empty() || !now) return std::nullopt;
  std::ifstream file(cache_file(files, cache), std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.size() != kHexDigits + 1 + now->size() || !text.ends_with(*now)) return std::nullopt;
  return text.substr(0, kHexDigits);
}

bool remember_hash(const std::vector<fs::path>& files, const std::string& hash,
                   const fs::path& cache) noexcept {
  try {
    const auto now = fingerprint(files);
    if (cache.empty() || !now) return false;
    fs::create_directories(cache);
    const std::string text = hash + "\n" + *now;
    const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
    write_file_atomically(cache_file(files, cache), {bytes, text.size()}, OnExist::kOverwrite);
    return true;
  } catch (const std::exception&) {  // a read-only home: the next run makes the hash again
    return false;
  }
}

std::optional<std::string> model_hash(const std::vector<fs::path>& files,
                                      const std::function<bool()>& stop) {
  if (files.empty()) return std::nullopt;
  const fs::path cache = hash_cache_folder();
  if (auto hash = remembered_hash(files, cache)) return hash;
  auto hash = hash_files(files, stop);
  if (hash) remember_hash(files, *hash, cache);
  return hash;
}

}  // namespace sd
