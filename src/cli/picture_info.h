#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cli/help_sections.h"
#include "io/foreign_parameters.h"
#include "io/picture_metadata.h"

namespace sd {

/// The name of a file for people: - is standard input.
std::string display_name(const std::string& file);

/// What `sd info` knows of a picture.
struct PictureInfo {
  std::string file;  ///< as it was named; "-" for standard input
  PictureMetadata picture;
  FoundParameters parameters;
};

/// Reads it from a whole file's bytes; `file` names it in errors. Errors: kInput where it is no
/// picture, or damaged.
PictureInfo read_picture_info(std::span<const uint8_t> bytes, const std::string& file);

/// For people: format and size, the prompts, then a line for each field. Control characters, with
/// which a picture could steer a terminal, become "?".
std::string print_picture_info(const PictureInfo& info);

/// For programs: an object on one line. Version 1: keys may be added, none goes or changes.
std::string picture_info_json(const PictureInfo& info);

/// The line for a file that could not be read.
std::string failed_info_json(const std::string& file, const std::string& error);

/// Every key of these lines.
std::vector<HelpRow> picture_info_keys();

}  // namespace sd
