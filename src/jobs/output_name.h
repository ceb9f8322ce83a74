#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/atomic_file.h"
#include "io/picture_format.h"
#include "jobs/name_pattern.h"

namespace sd {

/// What `-o` named.
enum class OutputKind {
  kNone,            ///< nothing: sd-<seed>.png (or as --format says) in the current folder
  kFile,            ///< FILE.png, FILE.jpg or FILE.webp, for one picture
  kFolder,          ///< sd-<seed>.png in that folder
  kPattern,         ///< a file name with placeholders, for instance out/{index:05}.png
  kStandardOutput,  ///< `-`, for one picture
};

/// The placeholders of a name unless more are known before painting.
inline constexpr std::array kIndexAndSeed = {Placeholder::kIndex, Placeholder::kSeed};

/// Where pictures go: a folder and a file name in it, which is a NamePattern without / so that no
/// name leaves the folder.
struct OutputNames {
  OutputKind kind = OutputKind::kNone;
  std::filesystem::path folder = {};  ///< empty: the current one
  std::string pattern = {};
  std::vector<Placeholder> placeholders = {kIndexAndSeed.begin(), kIndexAndSeed.end()};
  std::string_view flag = "--output";  ///< the option, for messages
  int first_index = 0;                 ///< what {index} is for the first picture
};

/// What `-o` says for `count` pictures. A name that is an existing folder, ends in `/` or has no
/// extension is a folder. `format` is that of pictures whose names `-o` leaves open; PNG without
/// it; `placeholders` are those that a file's name may have. Throws kUsage: an unknown placeholder,
/// an extension of no format or of another than `format`, one file for several pictures.
OutputNames parse_output(const std::optional<std::string>& option, int count,
                         std::optional<PictureFormat> format = std::nullopt,
                         std::span<const Placeholder> placeholders = kIndexAndSeed);

/// The same for `--save-latents`: one file, or a pattern, that ends in .safetensors.
OutputNames parse_latents_output(const std::string& option, int count);

/// The path of one picture; index counts from 0. Throws kUsage where the name is too long.
std::filesystem::path output_path(const OutputNames& names, const NameValues& values);

/// The same where the placeholders are {index} and {seed}.
std::filesystem::path output_path(const OutputNames& names, int index, std::uint64_t seed);

/// Whether the folder of these names is made where it is missing: that of `-o FOLDER` or a pattern,
/// but not that of a single file.
bool makes_folder(const OutputNames& names);

/// Throws kOutput where the picture of this path, one of `names`, could not be written now. Makes
/// no folder.
void check_output(const OutputNames& names, const std::filesystem::path& path, OnExist on_exist);

/// Folders made on the way; those that are still empty at the end go with this.
class NewFolders {
 public:
  NewFolders() = default;
  ~NewFolders();
  NewFolders(const NewFolders&) = delete;
  NewFolders& operator=(const NewFolders&) = delete;

  /// Makes the folder where it is missing, with those above it. Throws kOutput where it cannot.
  void make(const std::filesystem::path& folder);

 private:
  std::vector<std::filesystem::path> made_;  // an upper folder before those in it
};

/// The values of --on-exist.
inline constexpr std::array<std::pair<std::string_view, OnExist>, 4> kOnExistNames = {{
    {"overwrite", OnExist::kOverwrite},
    {"rename", OnExist::kRename},
    {"skip", OnExist::kSkip},
    {"error", OnExist::kFail},
}};

/// Without --on-exist: overwrite a file that was named, rename where nothing was, else fail.
OnExist default_on_exist(OutputKind kind);

}  // namespace sd
