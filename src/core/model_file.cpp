#include "core/model_file.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/check.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail_to_open(const fs::path& path, int reason) {
  std::error_code ignored;
  if (reason == ENOENT && fs::is_symlink(path, ignored)) {
    fail(ErrorKind::kModel, path.string(), ": the link leads to ",
         fs::read_symlink(path, ignored).string(),
         ", where nothing is; the download or copy did not finish");
  }
  SD_CHECK(reason != ENOENT, ErrorKind::kModel, path.string(), ": the file is missing");
  fail(ErrorKind::kModel, path.string(), ": the file cannot be opened: ", std::strerror(reason));
}

/// Does `text` begin with `word`, which is in lower case, in any case and after any white space?
bool begins_with(std::string_view text, std::string_view word) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  return text.size() >= word.size() &&
         std::equal(word.begin(), word.end(), text.begin(), [](char expected, char found) {
           return std::tolower(static_cast<unsigned char>(found)) == expected;
         });
}

}  // namespace

// O_NONBLOCK: opening a FIFO must not hang; fstat below refuses it.
ModelFile::ModelFile(const fs::path& path)
    : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (descriptor_ < 0) fail_to_open(path, errno);
  struct stat info {};
  const int result = ::fstat(descriptor_, &info);
  std::string problem;
  if (result != 0) {
    problem = std::string("the file cannot be read: ") + std::strerror(errno);
  } else if (!S_ISREG(info.st_mode)) {
    problem = std::string("expected a file, found ") +
              (S_ISDIR(info.st_mode) ? "a folder" : "something that is not a regular file");
  } else if (info.st_size == 0) {
    problem = "the file is empty; the download or copy did not finish";
  }
  size_ = static_cast<size_t>(info.st_size);
  if (problem.empty()) return;
  ::close(descriptor_);
  fail(ErrorKind::kModel, path.string(), ": ", problem);
}

ModelFile::~ModelFile() { ::close(descriptor_); }

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

void check_model_folder(const fs::path& path) {
  const auto check = [&](bool holds, const auto&... problem) {
    SD_CHECK(holds, ErrorKind::kModel, path.string(), ": ", problem...);
  };
  std::error_code error;
  const fs::file_type type = fs::status(path, error).type();
  check(type != fs::file_type::not_found || is_there(path), "the folder is missing");
  check(type != fs::file_type::not_found, "expected a folder, found a link to nothing");
  check(type != fs::file_type::none, "the folder cannot be opened: ", error.message());
  check(type == fs::file_type::directory, "expected a folder, found a file");
  const bool is_open = ::faccessat(AT_FDCWD, path.c_str(), R_OK | X_OK, AT_EACCESS) == 0;
  check(is_open, "the folder cannot be opened: ", std::strerror(errno));
}

std::string mistaken_content(std::string_view start) {
  if (start.starts_with("version https://git-lfs")) {
    return "this is a git-lfs pointer, not the file itself (git lfs pull fetches it)";
  }
  for (const char* page : {"<!doctype", "<html", "<?xml"}) {
    if (begins_with(start, page)) {
      return "this is a web page, not the file itself; the download went to a login or error page";
    }
  }
  if (start.starts_with("Entry not found")) {
    return "this is the answer of a failed download, not the file itself";
  }
  if (start.starts_with("PK\x03\x04")) return "this is a PyTorch pickle or zip archive";
  // A safetensors file may begin with the same two bytes; its ninth is '{'.
  const bool pickle = start.starts_with("\x80\x02") || start.starts_with("\x80\x04");
  if (pickle && start.substr(0, 9).back() != '{') return "this is a Python pickle";
  if (start.starts_with("GGUF")) return "this is a GGUF file";
  return "";
}

std::string read_model_text(const fs::path& path) {
  const ModelFile file(path);
  std::string text(file.size(), '\0');
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = ::read(file.descriptor(), text.data() + done, text.size() - done);
    SD_CHECK(count >= 0 || errno == EINTR, ErrorKind::kModel, path.string(),
             ": the file cannot be read: ", std::strerror(errno));
    if (count == 0) break;  // it shrank meanwhile
    done += static_cast<size_t>(std::max<ssize_t>(count, 0));
  }
  text.resize(done);
  const std::string mistake = mistaken_content(text);
  SD_CHECK(mistake.empty(), ErrorKind::kModel, path.string(), ": ", mistake);
  return text;
}

}  // namespace sd
