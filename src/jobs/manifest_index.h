#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <string>
#include <vector>

#include "jobs/manifest.h"

namespace sd {

/// Whether reading waits for no writer or complains of one.
enum class WhileWritten { kRead, kRefuse };

/// Where the images of several manifests have their lines: 24 bytes a line in memory.
class ManifestIndex {
 public:
  /// The line of an image, made or failed.
  struct Entry {
    std::uint64_t index = 0;  ///< of the image
    std::uint64_t place = 0;  ///< the manifest's number, then the offset of the line in it
    std::uint32_t started = 0;
    std::uint32_t length = 0;

    std::size_t manifest() const { return place >> kOffsetBits; }
    std::uint64_t offset() const { return place & ((std::uint64_t{1} << kOffsetBits) - 1); }
    bool operator<(const Entry& other) const;
  };

  /// A run, and in which manifest it stands.
  struct Run {
    std::filesystem::path manifest;
    ManifestRun run;
  };

  /// Reads these manifests, at most 65536. Errors: those of ManifestReader; kTemporary where one is
  /// being written and that is to be refused.
  explicit ManifestIndex(std::vector<std::filesystem::path> manifests,
                         WhileWritten while_written = WhileWritten::kRead);
  ~ManifestIndex();
  ManifestIndex(const ManifestIndex&) = delete;
  ManifestIndex& operator=(const ManifestIndex&) = delete;

  /// All lines, by index; of one index the line that counts is the last one.
  const std::deque<Entry>& entries() const { return entries_; }

  /// The run that started last. Errors: kInput where there is none.
  const ManifestRun& last_run() const;
  const std::vector<Run>& runs() const { return runs_; }

  /// The manifest of that number, Entry::manifest().
  const std::filesystem::path& manifest(std::size_t number) const { return manifests_[number]; }

  /// The text of a line, without its end. Errors: kInput where the file has become another.
  std::string text(const Entry& entry) const;

  /// The line itself, or what its text is. Errors: kInput.
  ManifestLine line(const Entry& entry) const { return parse(entry, text(entry)); }
  ManifestLine parse(const Entry& entry, const std::string& text) const;

 private:
  static constexpr int kOffsetBits = 48;

  int descriptor(std::size_t manifest) const;

  std::vector<std::filesystem::path> manifests_;
  std::deque<Entry> entries_;
  std::vector<Run> runs_;
  mutable std::vector<int> descriptors_;  // of the first manifests, once they were needed
  mutable int other_descriptor_ = -1;     // of the last manifest beyond those
  mutable std::size_t other_manifest_ = 0;
};

/// The manifests that are meant by names of folders, all in them, and of files; each once. Errors:
/// kInput where a folder has none.
std::vector<std::filesystem::path> named_manifests(
    const std::vector<std::filesystem::path>& folders_and_files);

}  // namespace sd
