#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "jobs/manifest.h"

namespace sd {

/// Lines of a manifest one after the other, one at a time in memory. The file may grow meanwhile. A
/// last line without its end is one that is being written, or was when a process died, and does not
/// count.
class ManifestReader {
 public:
  /// Errors: kInput where the file cannot be read.
  explicit ManifestReader(std::filesystem::path path);
  ~ManifestReader();
  ManifestReader(const ManifestReader&) = delete;
  ManifestReader& operator=(const ManifestReader&) = delete;

  /// The next line, nothing at the end. Errors: kInput with file and line for a line that is
  /// damaged, of another schema, or an image before the first run.
  std::optional<ManifestLine> next();

  // Of the line that `next` gave last:

  /// Its text, without its end.
  const std::string& text() const { return text_; }
  /// Where in the file it begins.
  std::uint64_t offset() const { return offset_; }
  /// When its run started, in seconds since 1970, but never before a run above it: where two
  /// manifests have a line for one image, the later one counts.
  std::uint32_t started() const { return started_; }

  const std::filesystem::path& path() const { return path_; }
  int descriptor() const { return descriptor_; }

 private:
  /// The next line that has its end into text_.
  bool read_text();
  bool fill_buffer();
  std::string place() const;

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // of what is unread in the buffer
  std::size_t end_ = 0;
  std::string text_;
  std::uint64_t offset_ = 0;
  std::uint64_t next_offset_ = 0;
  std::uint64_t line_ = 0;
  std::uint32_t started_ = 0;
  bool has_run_ = false;
};

}  // namespace sd
