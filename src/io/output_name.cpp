#include "io/output_name.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <system_error>
#include <utility>

#include "core/check.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDefaultPattern = "sd-{seed}.png";
constexpr std::size_t kMaxName = 255;  // NAME_MAX of Linux

bool has_placeholder(std::string_view text) { return text.find('{') != std::string_view::npos; }

/// `number` with zeros in front up to the width in `format` ("" or ":05").
std::string print_number(std::uint64_t number, std::string_view format, std::string_view pattern) {
  std::string digits = std::to_string(number);
  if (format.empty()) return digits;
  const bool valid =
      format.size() >= 3 && format.size() <= 4 && format.starts_with(":0") &&
      std::all_of(format.begin() + 2, format.end(), [](char c) { return c >= '0' && c <= '9'; });
  SD_CHECK(valid, ErrorKind::kUsage, "output name '", pattern, "': '", format,
           "' is no number format, one like :05 was expected");
  const std::size_t width = std::stoul(std::string(format.substr(2)));
  if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
  return digits;
}

std::string expand(std::string_view pattern, int index, std::uint64_t seed) {
  std::string name;
  std::string_view rest = pattern;
  for (std::size_t open = rest.find('{'); open != std::string_view::npos; open = rest.find('{')) {
    name += rest.substr(0, open);
    const std::size_t close = rest.find('}', open);
    SD_CHECK(close != std::string_view::npos, ErrorKind::kUsage, "output name '", pattern,
             "' has a { without its }");
    const std::string_view inside = rest.substr(open + 1, close - open - 1);
    const std::size_t colon = std::min(inside.find(':'), inside.size());
    const std::string_view key = inside.substr(0, colon);
    SD_CHECK(key == "index" || key == "seed", ErrorKind::kUsage, "output name '", pattern,
             "' has the unknown placeholder {", inside, "}, {index} and {seed} are known");
    name += print_number(key == "seed" ? seed : static_cast<std::uint64_t>(index),
                         inside.substr(colon), pattern);
    rest.remove_prefix(close + 1);
  }
  name += rest;
  SD_CHECK(name.size() <= kMaxName, ErrorKind::kUsage, "output name '", pattern,
           "' makes a name of ", name.size(), " bytes, at most ", kMaxName, " are possible");
  return name;
}

bool is_png_name(const fs::path& name) {
  std::string extension = name.extension().string();
  for (char& c : extension) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return extension == ".png";
}

}  // namespace

OutputNames parse_output(const std::optional<std::string>& option, int count) {
  if (!option) return {OutputKind::kNone, {}, std::string(kDefaultPattern)};
  SD_CHECK(!option->empty() && option->find('\0') == std::string::npos, ErrorKind::kUsage,
           "-o needs the name of a file, a folder or a pattern");
  const fs::path path = *option;
  const std::string name = path.filename().string();
  if (*option == "-") {
    SD_CHECK(count == 1, ErrorKind::kUsage, "-o - takes one picture, not ", count);
    return {OutputKind::kStandardOutput, {}, "-"};
  }
  std::error_code error;
  const bool is_folder = name.empty() || name == "." || name == ".." ||
                         fs::is_directory(path, error) ||
                         (!path.has_extension() && !has_placeholder(name));
  if (is_folder) return {OutputKind::kFolder, path, std::string(kDefaultPattern)};

  const std::string folder = path.parent_path().string();
  SD_CHECK(folder.find("{index") == std::string::npos && folder.find("{seed") == std::string::npos,
           ErrorKind::kUsage, "output name '", *option,
           "' has a placeholder in its folder, only the file name may have them");
  SD_CHECK(is_png_name(name), ErrorKind::kUsage, "output name '", *option,
           "' does not end in .png, the format that is written (a folder's name ends in /)");
  OutputNames names = {has_placeholder(name) ? OutputKind::kPattern : OutputKind::kFile,
                       path.parent_path(), name};
  SD_CHECK(names.kind == OutputKind::kPattern || count == 1, ErrorKind::kUsage, "output name '",
           *option, "' is one file for ", count,
           " pictures: a folder or a name with {index} or {seed} was expected");
  expand(name, 0, 0);  // complains about a bad pattern before anything is computed
  return names;
}

fs::path output_path(const OutputNames& names, int index, std::uint64_t seed) {
  return names.folder / expand(names.pattern, index, seed);
}

void make_output_folder(const OutputNames& names) {
  const bool several = names.kind == OutputKind::kFolder || names.kind == OutputKind::kPattern;
  if (!several || names.folder.empty()) return;
  std::error_code error;
  fs::create_directories(names.folder, error);
  SD_CHECK(!error || fs::is_directory(names.folder), ErrorKind::kOutput, "cannot make the folder '",
           names.folder.string(), "': ", error.message());
}

OnExist parse_on_exist(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, OnExist>, 4> kNames = {{
      {"overwrite", OnExist::kOverwrite},
      {"rename", OnExist::kRename},
      {"skip", OnExist::kSkip},
      {"error", OnExist::kFail},
  }};
  const auto* at = std::find_if(kNames.begin(), kNames.end(),
                                [&](const auto& entry) { return entry.first == name; });
  SD_CHECK(at != kNames.end(), ErrorKind::kUsage, "--on-exist '", name,
           "' is unknown, overwrite, rename, skip or error was expected");
  return at->second;
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
