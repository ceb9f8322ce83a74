#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "io/atomic_file.h"

namespace sd {

/// What `-o` named.
enum class OutputKind {
  kNone,            ///< nothing: sd-<seed>.png in the current folder
  kFile,            ///< FILE.png, for one picture
  kFolder,          ///< sd-<seed>.png in that folder
  kPattern,         ///< a file name with {index} or {seed}, for instance out/{index:05}.png
  kStandardOutput,  ///< `-`, for one picture
};

/// Where pictures go: a folder and a file name in it, in which {index} and {seed} stand for numbers
/// ({index:05} with leading zeros), so that no name leaves the folder.
struct OutputNames {
  OutputKind kind = OutputKind::kNone;
  std::filesystem::path folder;  ///< empty: the current one
  std::string pattern;
};

/// What `-o` says for `count` pictures. A name that is an existing folder, ends in `/` or has no
/// extension is a folder. Throws kUsage: an unknown placeholder, another extension than .png, one
/// file for several pictures.
OutputNames parse_output(const std::optional<std::string>& option, int count);

/// The path of one picture; index counts from 0.
std::filesystem::path output_path(const OutputNames& names, int index, std::uint64_t seed);

/// Makes the folder that `-o FOLDER` or a pattern names, with those above it; throws kOutput where
/// it cannot. The folder of a single file must be there already.
void make_output_folder(const OutputNames& names);

/// overwrite, rename, skip or error; throws kUsage for anything else.
OnExist parse_on_exist(std::string_view name);

/// Without --on-exist: overwrite a file that was named, rename where nothing was, else fail.
OnExist default_on_exist(OutputKind kind);

}  // namespace sd
