#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace sd {

/// How many there are of something, and the first of them in words.
struct Findings {
  static constexpr std::size_t kMostNamed = 20;

  std::uint64_t count = 0;
  std::vector<std::string> first;  ///< at most kMostNamed

  void add(std::string text);
};

/// How the files of a folder agree with its manifests.
struct ManifestReport {
  std::uint64_t images = 0;    ///< that were made, by the line that counts for each
  std::uint64_t expected = 0;  ///< of the job file where its length is known, else up to the last
  Findings missing;            ///< images that no line tells of: "7" or "7 to 9"
  Findings failed;             ///< images that could not be made: "7: what was wrong"
  Findings absent;             ///< files that are gone
  Findings damaged;            ///< files with other bytes
  Findings twice;              ///< images that two processes made: "7 in FILE and FILE"
  Findings shared;             ///< files that two images name: "a.png of 7 and 8"
  Findings unnamed;            ///< files in the folder that no line names

  /// Whether every image is there once and whole. Files that no line names may be the user's own.
  bool is_sound() const;
};

/// Reads all manifests of the folder and all files they name. Memory holds some 50 bytes a line.
/// `stop` is asked for each image; true ends the work with kInterrupted. Errors: kInput (no
/// manifest, damaged lines).
ManifestReport verify_manifest(const std::filesystem::path& folder,
                               const std::function<bool()>& stop = {});

}  // namespace sd
