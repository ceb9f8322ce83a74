#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace sd {

struct FileDigest {
  std::string sha256;  ///< 64 hexadecimal digits
  std::uint64_t bytes = 0;
};

/// Of the content of a regular file; nothing where there is none of that name or it cannot be read.
std::optional<FileDigest> digest_file(const std::filesystem::path& path);

/// Calls `visit` with each regular file below the folder, also in sub-folders, by its name relative
/// to it, with / between. Hidden files and folders are left out, and links are not followed.
/// Errors: kInput where a folder cannot be read.
void visit_files(const std::filesystem::path& folder,
                 const std::function<void(const std::string& name)>& visit);

}  // namespace sd
