#include "io/output_name.h"

#include <algorithm>
#include <cstddef>
#include <system_error>
#include <unistd.h>

#include "core/check.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDefaultStem = "sd-{seed}";
constexpr std::size_t kMaxName = 255;  // NAME_MAX of Linux

/// A file name in pieces: {{ and }} are literal braces, all else in braces is a placeholder.
struct Piece {
  std::string literal;
  std::string_view key;     ///< "index" or "seed"; empty: a literal
  std::string_view format;  ///< "", or ":05"
};

Piece read_placeholder(std::string_view flag, std::string_view pattern, std::string_view inside) {
  const std::size_t colon = std::min(inside.find(':'), inside.size());
  const std::string_view key = inside.substr(0, colon);
  const std::string_view format = inside.substr(colon);
  SD_CHECK(key == "index" || key == "seed", ErrorKind::kUsage, flag,
           " knows the placeholders {index} and {seed}, found the unknown placeholder {", inside,
           "} in '", pattern, "' ({{ and }} stand for braces)");
  const bool is_width =
      format.size() >= 3 && format.size() <= 4 && format.starts_with(":0") &&
      std::all_of(format.begin() + 2, format.end(), [](char c) { return c >= '0' && c <= '9'; });
  SD_CHECK(format.empty() || is_width, ErrorKind::kUsage, flag,
           " expects a number format such as :05 in a placeholder, found '", format, "' in '",
           pattern, "'");
  return {{}, key, format};
}

std::vector<Piece> read_pattern(std::string_view flag, std::string_view pattern) {
  std::vector<Piece> pieces;
  std::string_view rest = pattern;
  while (!rest.empty()) {
    const std::size_t brace = rest.find_first_of("{}");
    if (brace > 0) {
      pieces.push_back({std::string(rest.substr(0, brace)), {}, {}});
      rest.remove_prefix(std::min(brace, rest.size()));
      continue;
    }
    if (rest.starts_with("{{") || rest.starts_with("}}")) {
      pieces.push_back({std::string(1, rest.front()), {}, {}});
      rest.remove_prefix(2);
      continue;
    }
    const std::size_t close = rest.find('}');
    SD_CHECK(close != rest.npos, ErrorKind::kUsage, flag, " found a { without its } in '", pattern,
             "' ({{ stands for a brace)");
    SD_CHECK(close != 0, ErrorKind::kUsage, flag, " found a } without its { in '", pattern,
             "' (}} stands for a brace)");
    pieces.push_back(read_placeholder(flag, pattern, rest.substr(1, close - 1)));
    rest.remove_prefix(close + 1);
  }
  return pieces;
}

/// `number` with zeros in front up to the width in `format` ("" or ":05").
std::string print_number(std::uint64_t number, std::string_view format) {
  std::string digits = std::to_string(number);
  if (format.empty()) return digits;
  const std::size_t width = std::stoul(std::string(format.substr(2)));
  if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
  return digits;
}

void check_length(std::string_view flag, std::size_t length) {
  SD_CHECK(length <= kMaxName, ErrorKind::kUsage, flag, " expects names of at most ", kMaxName,
           " bytes, found one of ", length, " bytes");
}

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
    check_length(flag, part.native().size());
  }
}

/// ".png", which is a hidden file without an extension to the file system, and a slip to people.
bool is_bare_extension(const std::string& name) {
  return name.rfind('.') == 0 && format_of_name("x" + name);
}

/// One file or a pattern, which `option` must be where it is no folder.
OutputNames parse_file(std::string_view flag, const std::string& option, int count,
                       bool may_be_folder) {
  const fs::path path = option;
  const std::string folder = path.parent_path().string();
  const std::string name = path.filename().string();
  SD_CHECK(folder.find("{index") == folder.npos && folder.find("{seed") == folder.npos,
           ErrorKind::kUsage, flag,
           " expects a placeholder in the file's name, not in its folder, ", "found '", option,
           "'");
  const std::vector<Piece> pieces = read_pattern(flag, name);
  const bool is_pattern = std::any_of(pieces.begin(), pieces.end(),
                                      [](const Piece& piece) { return !piece.key.empty(); });
  SD_CHECK(is_pattern || count == 1, ErrorKind::kUsage, flag,
           " expects a name with {index} or {seed}", may_be_folder ? ", or a folder," : "", " for ",
           count, " images, found one file '", option, "'");
  OutputNames names = {is_pattern ? OutputKind::kPattern : OutputKind::kFile, path.parent_path(),
                       name, flag};
  output_path(names, 0, 0);  // complains about a name that is too long
  return names;
}

}  // namespace

OutputNames parse_output(const std::optional<std::string>& option, int count,
                         std::optional<PictureFormat> format) {
  constexpr std::string_view kFlag = "--output";
  const std::string default_pattern =
      concat_text(kDefaultStem, ".", format_name(format.value_or(PictureFormat::kPng)));
  if (!option) return {OutputKind::kNone, {}, default_pattern};
  check_name(kFlag, *option);
  if (*option == "-") {
    SD_CHECK(count == 1, ErrorKind::kUsage, kFlag, " - takes one image, ", count,
             " were asked for");
    return {OutputKind::kStandardOutput, {}, "-"};
  }
  const fs::path path = *option;
  const std::string name = path.filename().string();
  std::error_code error;
  const bool is_there = fs::is_directory(path, error);
  SD_CHECK(is_there || !is_bare_extension(name), ErrorKind::kUsage, kFlag,
           " expects a name before ", name, ", found '", *option, "' (a folder's name ends in /)");
  const bool is_folder = is_there || name.empty() || name == "." || name == ".." ||
                         (!path.has_extension() && name.find('{') == name.npos);
  if (is_folder) {
    check_length(kFlag, name.size());
    return {OutputKind::kFolder, path, default_pattern};
  }
  const auto named = format_of_name(path);
  SD_CHECK(named, ErrorKind::kUsage, kFlag,
           " expects a name that ends in .png, .jpg or .webp, or in / for a folder, found '",
           *option, "'");
  SD_CHECK(!format || *format == *named, ErrorKind::kUsage, kFlag, " ", *option, " and --format ",
           format_name(*format), " cannot stand together");
  return parse_file(kFlag, *option, count, /*may_be_folder=*/true);
}

OutputNames parse_latents_output(const std::string& option, int count) {
  constexpr std::string_view kFlag = "--save-latents";
  check_name(kFlag, option);
  SD_CHECK(fs::path(option).extension() == ".safetensors", ErrorKind::kUsage, kFlag,
           " expects a name that ends in .safetensors",
           count > 1 ? " with {index} or {seed} in it" : "", ", found '", option, "'");
  return parse_file(kFlag, option, count, /*may_be_folder=*/false);
}

fs::path output_path(const OutputNames& names, int index, std::uint64_t seed) {
  std::string name;
  for (const Piece& piece : read_pattern(names.flag, names.pattern)) {
    const std::uint64_t number =
        piece.key == "seed" ? seed : static_cast<std::uint64_t>(names.first_index + index);
    name += piece.key.empty() ? piece.literal : print_number(number, piece.format);
  }
  check_length(names.flag, name.size());
  return names.folder / name;
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
