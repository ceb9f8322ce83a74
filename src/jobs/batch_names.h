#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "io/picture_format.h"
#include "jobs/name_pattern.h"

namespace sd {

/// Names of a batch's pictures, relative to its folder.
struct BatchNames {
  NamePattern pattern;
  PictureFormat format;  ///< what the names end in
};

/// A pattern in which / makes sub-folders: `{sampler}/{index:05}`. A name without an ending gets
/// that of `format`, PNG without it. Every placeholder is allowed. Throws kUsage: what
/// NamePattern::parse refuses, a pattern that leaves its folder (an absolute path, `..`) or names
/// no file, an ending that is no format or another one than `format`, control characters, bytes
/// that are no UTF-8.
BatchNames parse_batch_names(std::string_view flag, std::string_view pattern,
                             std::optional<PictureFormat> format = std::nullopt);

/// The path of the file `name`, which a pattern printed, below `folder`. Neither needs to be there.
/// Throws kOutput where a symbolic link on the way, or the file if it is one, leads out of `folder`
/// or to nowhere. `folder` itself may be a link.
std::filesystem::path path_below(const std::filesystem::path& folder, const std::string& name);

/// Whether a relative path stays below the folder it starts from, links aside.
bool stays_below(const std::filesystem::path& path);

}  // namespace sd
