#include "jobs/batch_names.h"

#include <algorithm>
#include <cctype>
#include <system_error>

#include "core/check.h"
#include "io/utf8.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

std::vector<Placeholder> all_placeholders() {
  std::vector<Placeholder> all;
  for (const PlaceholderName& entry : kPlaceholderNames) all.push_back(entry.placeholder);
  return all;
}

void check_characters(std::string_view flag, std::string_view pattern) {
  SD_CHECK(is_utf8(pattern), ErrorKind::kUsage, flag,
           " expects a name in UTF-8, found bytes that are not");
  std::string printable(pattern);
  for (char& c : printable) c = static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  SD_CHECK(printable == pattern, ErrorKind::kUsage, flag,
           " expects a name without line breaks and other control characters, found '", printable,
           "'");
}

/// The pieces' text with each placeholder as one letter, which is neither a dot nor a slash.
std::string outline(const std::vector<NamePiece>& pieces) {
  std::string text;
  for (const NamePiece& piece : pieces) text += piece.placeholder ? "x" : piece.literal;
  return text;
}

void check_shape(std::string_view flag, std::string_view pattern, const std::string& shape) {
  SD_CHECK(!shape.starts_with('/'), ErrorKind::kUsage, flag,
           " expects a name below the output folder, found the absolute path '", pattern, "'");
  SD_CHECK(shape.empty() || stays_below(shape), ErrorKind::kUsage, flag,
           " expects a name below the output folder, found .. in '", pattern, "'");
  const fs::path path = shape;
  SD_CHECK(shape.find("//") == shape.npos && std::ranges::find(path, ".") == path.end(),
           ErrorKind::kUsage, flag, " expects names between its /, found . or nothing in '",
           pattern, "'");
  const std::string name = path.filename().string();
  SD_CHECK(!name.empty(), ErrorKind::kUsage, flag, " expects the name of a file",
           shape.empty() ? "" : " after the last /", ", found '", pattern, "'");
  const bool is_bare_ending = name.starts_with('.') && format_of_name("x" + name);
  SD_CHECK(!is_bare_ending, ErrorKind::kUsage, flag, " expects a name before ", name, ", found '",
           pattern, "'");
}

/// ".gif", ".png": what the pattern's own text ends in where that looks like an ending.
std::string_view ending(std::string_view pattern) {
  constexpr std::size_t kLongest = 5;
  const std::size_t dot = pattern.find_last_of("./}]");
  if (dot == pattern.npos || pattern[dot] != '.') return {};
  const std::string_view letters = pattern.substr(dot + 1);
  const bool are_letters = std::ranges::all_of(letters, [](char c) {
    return static_cast<unsigned char>(c) < 0x80 && std::isalpha(static_cast<unsigned char>(c)) != 0;
  });
  return letters.empty() || letters.size() > kLongest || !are_letters ? "" : pattern.substr(dot);
}

PictureFormat find_format(std::string_view flag, std::string_view pattern,
                          std::optional<PictureFormat> format) {
  if (ending(pattern).empty()) return format.value_or(PictureFormat::kPng);
  const auto named = format_of_name(fs::path(pattern));
  SD_CHECK(named, ErrorKind::kUsage, flag,
           " expects a name that ends in .png, .jpg, .webp or in no ending, found '", pattern, "'");
  SD_CHECK(!format || *format == *named, ErrorKind::kUsage, flag, " ", pattern, " and --format ",
           format_name(*format), " cannot stand together");
  return *named;
}

bool is_inside(const fs::path& path, const fs::path& root) {
  return std::ranges::mismatch(root, path).in1 == root.end();
}

}  // namespace

bool stays_below(const fs::path& path) {
  return !path.empty() && path.is_relative() &&
         std::ranges::none_of(path, [](const fs::path& part) { return part == ".."; });
}

BatchNames parse_batch_names(std::string_view flag, std::string_view pattern,
                             std::optional<PictureFormat> format) {
  check_characters(flag, pattern);
  const std::vector<Placeholder> all = all_placeholders();
  const std::string shape = outline(read_name_pattern(flag, pattern, all));
  check_shape(flag, pattern, shape);
  const PictureFormat found = find_format(flag, pattern, format);
  std::string whole(pattern);
  if (ending(pattern).empty()) whole += "." + std::string(format_name(found));
  return {NamePattern::parse(flag, whole, all), found};
}

fs::path path_below(const fs::path& folder, const std::string& name) {
  std::error_code error;
  const fs::path root = fs::canonical(folder.empty() ? "." : folder, error);
  fs::path path = folder;
  if (error) return path / name;  // a folder that is not there has no links in it
  for (const fs::path& part : fs::path(name)) {
    path /= part;
    if (!fs::exists(fs::symlink_status(path, error))) break;
    const fs::path real = fs::canonical(path, error);
    SD_CHECK(!error && is_inside(real, root), ErrorKind::kOutput, "cannot write '",
             (folder / name).string(), "': '", path.string(), "' is a link that leads ",
             error ? "to nowhere" : "out of '" + folder.string() + "'");
  }
  return folder / name;
}

}  // namespace sd
