#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace sd {

/// SHA-256, as 64 hexadecimal digits, of the content of all files, one after the other in the order
/// given. Nothing where `stop` returned true on the way; it is asked after every 4 MB.
/// Errors: kModel where a file cannot be read.
std::optional<std::string> hash_files(
    const std::vector<std::filesystem::path>& files,
    const std::function<bool()>& stop = [] { return false; });

/// Where hashes are remembered: $XDG_CACHE_HOME/sd/hashes or ~/.cache/sd/hashes; empty where
/// neither is set.
std::filesystem::path hash_cache_folder();

/// The remembered hash of these files; nothing where there is none, or where the path, size, time
/// of change or inode of one of them is another.
std::optional<std::string> remembered_hash(const std::vector<std::filesystem::path>& files,
                                           const std::filesystem::path& cache);

/// Remembers it; false where that cannot be written.
bool remember_hash(const std::vector<std::filesystem::path>& files, const std::string& hash,
                   const std::filesystem::path& cache) noexcept;

/// The remembered hash of these files, or one made now and remembered. Nothing where there are no
/// files, or where `stop` returned true. Errors: kModel.
std::optional<std::string> model_hash(const std::vector<std::filesystem::path>& files,
                                      const std::function<bool()>& stop);

}  // namespace sd
