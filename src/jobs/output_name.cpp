#include "jobs/output_name.h"

#include <cstddef>
#include <system_error>
#include <unistd.h>

#include "core/check.h"
#include "jobs/name_pattern.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDefaultStem = "sd-{seed}";
/// What makes no name of any file or folder.
void check_name(std::string_view flag, const std::string& option) {
  SD_CHECK(!option.empty(), ErrorKind::kUsage, flag,
           " expects the name of a file or folder, found an empty text");
  std::string printable = option;
  for (char& c : printable) c = static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  SD_CHECK(printable == option, ErrorKind::kUsage, flag,
           " expects a name without line breaks and other control characters, found '", printable,
           "'");
  for (const fs::path& part : fs::path(option).parent_path()) {
    check_name_length(flag, part.native().size());
  }
}

/// ".png", which is a hidden file without an extension to the file system, and a slip to people.
bool is_bare_extension(const std::string& name) {
  return name.rfind('.') == 0 && format_of_name("x" + name);
}

/// One file or a pattern, which `option` must be where it is no folder.
OutputNames parse_file(std::string_view flag, const std::string& option, int count,
                       bool may_be_folder, std::span<const Placeholder> placeholders) {
  const fs::path path = option;
  SD_CHECK(!has_placeholder(path.parent_path().string(), placeholders), ErrorKind::kUsage, flag,
           " expects a placeholder in the file's name, not in its folder, found '", option, "'");
  const std::string name = path.filename().string();
  const NamePattern pattern = NamePattern::parse(flag, name, placeholders);
  SD_CHECK(count == 1 || pattern.has(Placeholder::kIndex) || pattern.has(Placeholder::kSeed),
           ErrorKind::kUsage, flag, " expects a name with {index} or {seed}",
           may_be_folder ? ", or a folder," : "", " for ", count,
           pattern.is_fixed() ? " images, found one file '" : " images, found '", option, "'");
  pattern.print({});  // complains about a name that is too long
  return {.kind = pattern.is_fixed() ? OutputKind::kFile : OutputKind::kPattern,
          .folder = path.parent_path(),
          .pattern = name,
          .placeholders = {placeholders.begin(), placeholders.end()},
          .flag = flag};
}

}  // namespace

OutputNames parse_output(const std::optional<std::string>& option, int count,
                         std::optional<PictureFormat> format,
                         std::span<const Placeholder> placeholders) {
  constexpr std::string_view kFlag = "--output";
  const std::string default_pattern =
      concat_text(kDefaultStem, ".", format_name(format.value_or(PictureFormat::kPng)));
  if (!option) return {.kind = OutputKind::kNone, .pattern = default_pattern};
  check_name(kFlag, *option);
  if (*option == "-") {
    SD_CHECK(count == 1, ErrorKind::kUsage, kFlag, " - takes one image, ", count,
             " were asked for");
    return {.kind = OutputKind::kStandardOutput, .pattern = "-"};
  }
  const fs::path path = *option;
  const std::string name = path.filename().string();
  std::error_code error;
  const bool is_there = fs::is_directory(path, error);
  SD_CHECK(is_there || !is_bare_extension(name), ErrorKind::kUsage, kFlag,
           " expects a name before ", name, ", found '", *option, "' (a folder's name ends in /)");
  const bool is_folder = is_there || name.empty() || name == "." || name == ".." ||
                         (!path.has_extension() && name.find('{') == name.npos &&
                          !has_placeholder(name, placeholders));
  if (is_folder) {
    check_name_length(kFlag, name.size());
    return {.kind = OutputKind::kFolder, .folder = path, .pattern = default_pattern};
  }
  const auto named = format_of_name(path);
  SD_CHECK(named, ErrorKind::kUsage, kFlag,
           " expects a name that ends in .png, .jpg or .webp, or in / for a folder, found '",
           *option, "'");
  SD_CHECK(!format || *format == *named, ErrorKind::kUsage, kFlag, " ", *option, " and --format ",
           format_name(*format), " cannot stand together");
  return parse_file(kFlag, *option, count, /*may_be_folder=*/true, placeholders);
}

OutputNames parse_latents_output(const std::string& option, int count) {
  constexpr std::string_view kFlag = "--save-latents";
  check_name(kFlag, option);
  SD_CHECK(fs::path(option).extension() == ".safetensors", ErrorKind::kUsage, kFlag,
           " expects a name that ends in .safetensors",
           count > 1 ? " with {index} or {seed} in it" : "", ", found '", option, "'");
  return parse_file(kFlag, option, count, /*may_be_folder=*/false, kIndexAndSeed);
}

fs::path output_path(const OutputNames& names, const NameValues& values) {
  NameValues own = values;
  own.index += static_cast<std::uint64_t>(names.first_index);
  return names.folder /
         NamePattern::parse(names.flag, names.pattern, names.placeholders).print(own);
}

fs::path output_path(const OutputNames& names, int index, std::uint64_t seed) {
  return output_path(names, {.index = static_cast<std::uint64_t>(index), .seed = seed});
}

bool makes_folder(const OutputNames& names) {
  return names.kind == OutputKind::kFolder || names.kind == OutputKind::kPattern;
}

void check_output(const OutputNames& names, const fs::path& path, OnExist on_exist) {
  std::error_code error;
  SD_CHECK(
      names.kind != OutputKind::kFolder || !fs::exists(names.folder, error) ||
          fs::is_directory(names.folder, error),
      ErrorKind::kOutput, "cannot write into '", names.folder.string(), "': it is a ",
      fs::is_regular_file(names.folder, error) ? "file" : "pipe or device",
      "; expected a folder, a name that ends in .png, .jpg or .webp, or - for standard output");
  if (makes_folder(names)) check_folder_takes_files(names.folder);
  if (!makes_folder(names) || fs::exists(names.folder, error)) {
    check_file_can_be_written(path, on_exist);
  }
}

NewFolders::~NewFolders() {
  for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) {
    ::rmdir(folder->c_str());  // fails where it is not empty
  }
}

void NewFolders::make(const fs::path& folder) {
  std::error_code error;
  if (folder.empty() || fs::is_directory(folder, error)) return;
  fs::path part;
  for (const fs::path& name : folder) {
    part /= name;
    if (fs::create_directory(part, error)) made_.push_back(part);
    SD_CHECK(!error || fs::is_directory(part), ErrorKind::kOutput, "cannot make the folder '",
             part.string(), "': ", error.message());
  }
}

OnExist default_on_exist(OutputKind kind) {
  switch (kind) {
    case OutputKind::kFile:
    case OutputKind::kStandardOutput: return OnExist::kOverwrite;
    case OutputKind::kNone: return OnExist::kRename;
    case OutputKind::kFolder:
    case OutputKind::kPattern: return OnExist::kFail;
  }
  return OnExist::kFail;
}

}  // namespace sd
