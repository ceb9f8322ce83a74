#include "jobs/wildcards.h"

#include <algorithm>
#include <system_error>

#include "sd/error.h"

#include "core/check.h"
#include "io/read_picture.h"
#include "io/utf8.h"
#include "jobs/parse_value.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kExtension = ".txt";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kSpaces = " \t\r\v\f";

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t end = text.find(at);
    parts.push_back(text.substr(0, end));
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

/// Whether the text has the pattern, in which some items are stars that stand for any run of items;
/// of the last star alone it is ever tried how long its run is, so that no pattern takes long.
template <typename Items, typename IsStar, typename Fits>
bool has_pattern(const Items& text, const Items& pattern, IsStar is_star, Fits fits) {
  size_t at = 0;
  size_t in_pattern = 0;
  size_t star = pattern.size();
  size_t after_run = 0;
  while (at < text.size()) {
    if (in_pattern < pattern.size() && is_star(pattern[in_pattern])) {
      star = in_pattern++;
      after_run = at;
    } else if (in_pattern < pattern.size() && fits(text[at], pattern[in_pattern])) {
      ++at;
      ++in_pattern;
    } else if (star < pattern.size()) {
      in_pattern = star + 1;
      at = ++after_run;
    } else {
      return false;
    }
  }
  return std::all_of(pattern.begin() + static_cast<std::ptrdiff_t>(in_pattern), pattern.end(),
                     is_star);
}

bool name_matches(std::string_view name, std::string_view pattern) {
  const auto part_matches = [](std::string_view part, std::string_view part_pattern) {
    return has_pattern(
        part, part_pattern, [](char c) { return c == '*'; },
        [](char found, char expected) { return found == expected; });
  };
  return has_pattern(
      split(name, '/'), split(pattern, '/'),
      [](std::string_view part_pattern) { return part_pattern == "**"; }, part_matches);
}

/// Whether a template can be anything but the text itself.
bool is_plain(std::string_view text) {
  return text.find_first_of("{}$\\") == text.npos && text.find("__") == text.npos;
}

template <typename... Parts>
void check(bool holds, const TemplatePlace& place, const Parts&... parts) {
  SD_CHECK(holds, ErrorKind::kUsage, print_place(place), ": ", parts...);
}

}  // namespace

TemplateSource source_of(const WildcardValue& value) {
  return {std::string(value.file), value.number, std::string(value.line)};
}

Wildcards::Wildcards(std::string_view flag, const fs::path& folder, size_t most_files)
    : folder_(folder), most_files_(most_files) {
  std::error_code error;
  SD_CHECK(fs::is_directory(folder, error), ErrorKind::kUsage, flag,
           " expects a folder of wildcard files, found '", folder.string(), "', ",
           fs::exists(folder, error) ? "which is no folder" : "which is not there");
  real_folder_ = fs::canonical(folder, error);
  SD_CHECK(!error, ErrorKind::kUsage, flag, ": cannot read the folder '", folder.string(),
           "': ", error.message());
}

const WildcardValues& Wildcards::values(const std::string& name, const TemplatePlace& place) const {
  const std::lock_guard lock(mutex_);
  const auto known = values_.find(name);
  if (known != values_.end()) return known->second;
  WildcardValues values;
  for (const std::string& file : files_of(name, place)) add_values(read(file, place), values);
  check(!values.sums.empty() && values.sums.back() > 0, place, "the wildcard __", name,
        "__ has no value: expected at least one line that is no comment",
        values.sums.empty() ? "" : " and a weight that is not 0");
  return values_.emplace(name, std::move(values)).first->second;
}

void Wildcards::check_name(const std::string& name, const TemplatePlace& place) const {
  const std::lock_guard lock(mutex_);
  files_of(name, place);
}

/// The files that __name__ stands for, sorted, each relative to the folder.
const std::vector<std::string>& Wildcards::files_of(const std::string& name,
                                                    const TemplatePlace& place) const {
  const auto known = files_of_.find(name);
  if (known != files_of_.end()) return known->second;
  check(!folder_.empty(), place, "the wildcard __", name,
        "__ needs a folder of wildcard files, and none was named");
  const std::vector<std::string_view> parts = split(name, '/');
  check(!name.starts_with('/') && std::ranges::find(parts, "..") == parts.end(), place,
        "the wildcard __", name, "__ leads out of the folder '", folder_.string(), "'");

  std::vector<std::string> names = {name};
  if (name.find('*') != name.npos) {
    names.clear();
    const Names& all = all_names();
    std::ranges::copy_if(all.names, std::back_inserter(names),
                         [&](const std::string& other) { return name_matches(other, name); });
    check(all.has_all, place, "the wildcard __", name, "__ looks through '", folder_.string(),
          "', which holds more than ", most_files_, " files and folders");
    check(!names.empty(), place, "no file in '", folder_.string(), "' has a name like __", name,
          "__");
  }
  for (std::string& file : names) {
    file += kExtension;
    check_confined(file, name, place);
  }
  return files_of_.emplace(name, std::move(names)).first->second;
}

void Wildcards::check_confined(const std::string& file, const std::string& name,
                               const TemplatePlace& place) const {
  const fs::path path = folder_ / file;
  std::error_code error;
  if (!fs::exists(path, error)) {
    const std::vector<std::string>& names = all_names().names;
    const std::vector<std::string_view> known(names.begin(), names.end());
    check(false, place, "unknown wildcard __", name, "__, expected a file '", path.string(), "'",
          suggest(name, known));
  }
  const fs::path real = fs::canonical(path, error);
  const auto [in_folder, in_path] = std::ranges::mismatch(real_folder_, real);
  check(!error && in_folder == real_folder_.end(), place, "the wildcard __", name,
        "__ leads out of the folder '", folder_.string(), "' by a link");
  check(fs::is_regular_file(real, error), place, "the wildcard __", name,
        "__ expects a file, found '", path.string(), "', which is none");
}

const Wildcards::Names& Wildcards::all_names() const {
  if (all_names_) return *all_names_;
  Names all;
  std::error_code error;
  size_t seen = 0;
  for (fs::recursive_directory_iterator
           entry(folder_, fs::directory_options::skip_permission_denied, error),
       end;
       !error && entry != end && all.has_all; entry.increment(error)) {
    all.has_all = ++seen <= most_files_;
    std::error_code ignored;
    if (entry->path().extension() != kExtension || !entry->is_regular_file(ignored)) continue;
    const std::string file = entry->path().lexically_relative(folder_).generic_string();
    all.names.push_back(file.substr(0, file.size() - kExtension.size()));
  }
  std::ranges::sort(all.names);
  return all_names_.emplace(std::move(all));
}

const Wildcards::File& Wildcards::read(const std::string& file, const TemplatePlace& place) const {
  const auto known = files_.find(file);
  if (known != files_.end()) return known->second;
  const fs::path path = folder_ / file;
  std::error_code error;
  const auto size = fs::file_size(path, error);
  check(error || size <= kMaxFileBytes, place, "'", path.string(), "' has ", size,
        " bytes, expected a file of wildcards with at most ", kMaxFileBytes);
  try {
    const std::vector<uint8_t> bytes = read_input_file(path);
    File& kept = files_[file];
    kept = {path.string(), {bytes.begin(), bytes.end()}};
    return kept;
  } catch (const Error& input_error) {
    fail(ErrorKind::kUsage, print_place(place), ": ", input_error.what());
  }
}

void Wildcards::add_values(const File& file, WildcardValues& values) const {
  std::string_view text = file.text;
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  size_t number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    line = line.substr(0, line.find_last_not_of(kSpaces) + 1);
    SD_CHECK(is_utf8(line), ErrorKind::kUsage, file.name, ":", number,
             ": text in UTF-8 was expected, found bytes that are not");
    const size_t indent = std::min(line.find_first_not_of(kSpaces), line.size());
    if (indent == line.size() || line[indent] == '#') continue;
    const TemplateSource source = {file.name, number, std::string(line)};
    const WeightedText weighted =
        take_weight(std::string_view(source.text).substr(indent), {&source, indent});
    values.values.push_back({file.name, number, line, line.size() - weighted.text.size()});
    values.sums.push_back((values.sums.empty() ? 0 : values.sums.back()) + weighted.weight);
    check_value(values.values.back());
  }
}

/// Complains of what is no template or names an unknown wildcard, before it is ever drawn.
void Wildcards::check_value(const WildcardValue& value) const {
  if (is_plain(value.line.substr(value.begin))) return;
  const TemplateSource source = source_of(value);
  for (const auto& [name, place] : parse_template(source, value.begin).wildcards) {
    files_of(name, place);
  }
}

}  // namespace sd
