#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "jobs/manifest.h"
#include "jobs/name_set.h"

namespace sd {

/// What is known of an image that a resumed run is to make.
enum class DoneState {
  kDone,     ///< it was made, and its file has the bytes of then
  kMissing,  ///< it was not made, or failed
  kChanged,  ///< another picture was made for that index: its job or its file's name was another
  kDamaged,  ///< it was made, and its file is gone or has other bytes
};

/// What the manifests of a folder say was made. It holds 16 bytes an image.
class DoneList {
 public:
  /// Reads all manifests of the folder, those of other shards and workers too. The last line of an
  /// index counts, that of the run that started last where several manifests have one. Errors:
  /// those of find_manifests and ManifestReader.
  explicit DoneList(std::filesystem::path folder);

  /// Reads the image's file where the manifest has this job and this name for it, be it under the
  /// name that --on-exist rename gave it. `file` is the name that it is to have.
  DoneState state(std::uint64_t index, std::string_view job, const std::string& file) const;

  /// What the manifests say of an image that was made, read once more; nothing where it was not.
  /// Errors: as of the constructor.
  std::optional<ManifestImage> read_back(std::uint64_t index) const;

  /// What differs between the image that was made for this index and one of this name and these
  /// parameters, in words: "steps is 30 there and 20 here". Empty where nothing does, or none was
  /// made. Errors: as of the constructor.
  std::string describe_change(std::uint64_t index, std::string_view parameters,
                              const std::string& file) const;

  /// Whether the manifests name that file: any other is not the run's own, and not to be replaced.
  /// The first call reads them once more. Errors: as of the constructor.
  bool names(const std::string& file);

  /// The runs of the manifests, those that are alike in all but their time and shard once.
  const std::vector<ManifestRun>& runs() const { return runs_; }

  /// Images that were made and have not failed since.
  std::uint64_t size() const { return size_; }

 private:
  struct Entry {
    std::uint32_t started = 0;   // of the run of its line
    std::uint32_t job : 31 = 0;  // of the digest of job and wanted name
    std::uint32_t is_renamed : 1 = 0;
    std::uint64_t whole = 0;  // of the digest of job, name and the file's hash; 0: not made
  };
  static_assert(sizeof(Entry) == 16);
  static constexpr std::uint64_t kChunk = 1024;

  void read(const std::filesystem::path& manifest);
  void add_run(ManifestRun run);
  Entry* entry_for_line(std::uint64_t index, std::uint32_t started);
  const Entry* find(std::uint64_t index) const;
  bool is_whole(const Entry& entry, std::uint64_t index, std::string_view job,
                const std::string& file) const;

  static std::uint32_t job_digest(std::string_view job, std::string_view file);
  static std::uint64_t whole_digest(std::uint64_t index, std::string_view job,
                                    std::string_view file, std::string_view sha256);

  std::filesystem::path folder_;
  std::unordered_map<std::uint64_t, std::vector<Entry>> chunks_;  // kChunk indices each
  std::vector<ManifestRun> runs_;
  std::optional<NameSet> files_;
  std::uint64_t size_ = 0;
};

}  // namespace sd
