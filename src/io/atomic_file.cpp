#include "io/atomic_file.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include "core/check.h"
#include "io/temporary_file.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

/// The folder that holds `path`.
fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

/// Why a file could not be made or filled in that folder.
std::string reason(int error, const std::string& folder) {
  std::error_code unknown;
  switch (error) {
    case ENOENT:  // folders of /proc are there and take no file
      return "the folder '" + folder + "' " +
             (fs::is_directory(folder, unknown) ? "takes no files" : "does not exist");
    case ENOTDIR: return "'" + folder + "' is not a folder";
    case EACCES:
    case EPERM:
    case EROFS: return "the folder '" + folder + "' may not be written to";
    case ENOSPC: return "the disk is full";
    case EDQUOT: return "the disk quota is used up";
    default: return std::strerror(error);
  }
}

/// `target` is where the bytes go: `path`, or what it links to.
[[noreturn]] void fail_to_write(const fs::path& path, const fs::path& target, int error) {
  fail(ErrorKind::kOutput, "cannot write '", path.string(),
       "': ", path == target ? "" : "it is a link to '" + target.string() + "', and ",
       reason(error, folder_of(target).string()));
}

[[noreturn]] void fail_taken(const fs::path& path) {
  fail(ErrorKind::kOutput, "cannot write '", path.string(), "': a file of that name exists");
}

/// Where a link at `path` leads through all further links, be a file there or not; else `path`.
fs::path follow_links(const fs::path& path) {
  constexpr int kMostLinks = 40;  // as Linux
  fs::path target = path;
  std::error_code error;
  for (int links = 0; fs::is_symlink(fs::symlink_status(target, error)); ++links) {
    if (links == kMostLinks) fail_to_write(path, path, ELOOP);
    target = target.parent_path() / fs::read_symlink(target, error);
  }
  return target;
}

/// The file in which the bytes for `path` shall be, and whether it is there. Complains where it is
/// none that could be written.
struct Target {
  Target(const fs::path& path, OnExist on_exist) : file(path) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    SD_CHECK(path.has_filename() && !fs::is_directory(status), ErrorKind::kOutput, "cannot write '",
             path.string(), "': it is a folder, the name of a file was expected");
    if (status.type() == fs::file_type::none) fail_to_write(path, path, error.value());
    exists = fs::exists(status);
    SD_CHECK(!exists || fs::is_regular_file(status), ErrorKind::kOutput, "cannot write '",
             path.string(), "': it is a pipe or device, not a regular file");
    if (exists && on_exist == OnExist::kFail) fail_taken(path);
    if (on_exist == OnExist::kOverwrite) file = follow_links(path);
  }

  fs::path file;
  bool exists = false;
};

}  // namespace

fs::path numbered_path(const fs::path& path, int number) {
  fs::path result = path;
  result.replace_filename(path.stem().string() + "-" + std::to_string(number) +
                          path.extension().string());
  return result;
}

AtomicFile::AtomicFile(const fs::path& path, OnExist on_exist)
    : path_(path), on_exist_(on_exist), target_(Target(path, on_exist).file) {
  temporary_ = std::make_unique<TemporaryFile>(folder_of(target_));
  if (const int failed = temporary_->error()) fail_to_write(path_, target_, failed);
}

AtomicFile::~AtomicFile() = default;

void AtomicFile::write(std::span<const std::uint8_t> bytes) {
  if (const int failed = temporary_->write(bytes)) fail_to_write(path_, target_, failed);
}

std::optional<fs::path> AtomicFile::commit() {
  if (const int failed = temporary_->flush()) fail_to_write(path_, target_, failed);
  if (on_exist_ == OnExist::kOverwrite) {
    if (const int failed = temporary_->move_over(target_.c_str())) {
      fail_to_write(path_, target_, failed);
    }
    return target_;
  }
  fs::path name = target_;
  for (int number = 1;; ++number) {
    const int failed = temporary_->move_to_free(name.c_str());
    if (failed == 0) return name;
    if (failed != EEXIST) fail_to_write(name, name, failed);
    if (on_exist_ == OnExist::kSkip) return std::nullopt;
    if (on_exist_ == OnExist::kFail) fail_taken(path_);
    name = numbered_path(target_, number);
  }
}

std::optional<fs::path> write_file_atomically(const fs::path& path,
                                              std::span<const std::uint8_t> bytes,
                                              OnExist on_exist) {
  if (Target(path, on_exist).exists && on_exist == OnExist::kSkip) return std::nullopt;
  AtomicFile file(path, on_exist);
  file.write(bytes);
  return file.commit();
}

void check_file_can_be_written(const fs::path& path, OnExist on_exist) {
  const Target target(path, on_exist);
  const TemporaryFile probe(folder_of(target.file));
  if (const int failed = probe.error()) fail_to_write(path, target.file, failed);
}

void check_folder_takes_files(const fs::path& folder) {
  const auto fail_folder = [&](const std::string& why) {
    fail(ErrorKind::kOutput, "cannot write into the folder '", folder.string(), "': ", why);
  };
  fs::path there = folder;
  std::error_code error;
  const auto is_missing = [&] {  // a link to nowhere is not: no folder can be made in its place
    return fs::symlink_status(there, error).type() == fs::file_type::not_found;
  };
  while (there.has_relative_path() && is_missing()) there = there.parent_path();
  if (there.empty()) there = ".";
  const fs::file_status status = fs::status(there, error);
  if (status.type() == fs::file_type::none) fail_folder(error.message());
  if (!fs::is_directory(status)) fail_folder("'" + there.string() + "' is not a folder");
  const TemporaryFile probe(there);
  if (probe.error() != 0) fail_folder(reason(probe.error(), there.string()));
}

}  // namespace sd
