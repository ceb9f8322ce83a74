#include "jobs/parse_value.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <system_error>

#include "sd/error.h"
#include "sd/pipeline.h"

#include "core/check.h"
#include "io/utf8.h"
#include "jobs/job_text.h"
#include "jobs/nearest_name.h"

namespace sd {
namespace {

/// The number that the whole text is, if it is one that fits.
template <typename Number>
std::optional<Number> whole_number(std::string_view text) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, number);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return number;
}

}  // namespace

int64_t parse_integer(std::string_view flag, std::string_view text, int64_t low, int64_t high) {
  const auto number = whole_number<int64_t>(text);
  SD_CHECK(number && *number >= low && *number <= high, ErrorKind::kUsage, flag,
           " expects a whole number from ", print_range(low, high), ", found '", text, "'");
  return *number;
}

std::vector<int> parse_integers(std::string_view flag, std::string_view text, int low, int high) {
  std::vector<int> numbers;
  if (lower_case(text) == "none") return numbers;
  std::string_view rest = trim(text);
  for (bool is_more = true; is_more;) {
    const std::string_view item = rest.substr(0, rest.find_first_of(", "));
    const auto number = whole_number<int>(item);
    SD_CHECK(number && *number >= low && *number <= high, ErrorKind::kUsage, flag,
             " expects whole numbers from ", print_range(int64_t{low}, int64_t{high}),
             " with commas between, or none, found '", quotable(item.empty() ? text : item), "'");
    numbers.push_back(*number);
    rest = trim(rest.substr(item.size()));
    is_more = !rest.empty();
    if (rest.starts_with(',')) rest = trim(rest.substr(1));
  }
  std::ranges::sort(numbers);
  const auto equal = std::ranges::adjacent_find(numbers);
  SD_CHECK(equal == numbers.end(), ErrorKind::kUsage, flag, " expects different numbers, found ",
           *equal, " twice");
  return numbers;
}

uint64_t parse_seed(std::string_view flag, std::string_view text) {
  const auto number = whole_number<uint64_t>(text);
  SD_CHECK(number, ErrorKind::kUsage, flag, " expects a whole number from 0 to ", kMaxSeed,
           ", found '", text, "'", text == "-1" ? " (for a random seed leave the option out)" : "");
  return *number;
}

double parse_real(std::string_view flag, std::string_view text, double low, double high) {
  const auto number = whole_number<double>(text);
  SD_CHECK(number && std::isfinite(*number) && *number >= low && *number <= high, ErrorKind::kUsage,
           flag, " expects a number from ", print_range(low, high), ", found '", text, "'");
  return *number;
}

std::string parse_choice(std::string_view flag, std::string_view text,
                         std::span<const std::string_view> names) {
  std::string name = lower_case(text);
  SD_CHECK(std::ranges::find(names, name) != names.end(), ErrorKind::kUsage, flag, " expects ",
           print_choices(names), ", found '", text, "'", suggest(name, names));
  return name;
}

bool parse_boolean(std::string_view flag, std::string_view text) {
  constexpr std::array<std::string_view, 2> kNames = {"true", "false"};
  return parse_choice(flag, text, kNames) == kNames[0];
}

PixelSize parse_size(std::string_view flag, std::string_view text, int most) {
  const size_t cross = std::min(text.find_first_of("xX"), text.size());
  const auto width = whole_number<int>(text.substr(0, cross));
  const auto height = whole_number<int>(text.substr(std::min(cross + 1, text.size())));
  SD_CHECK(width && height && std::min(*width, *height) >= 1 && std::max(*width, *height) <= most,
           ErrorKind::kUsage, flag, " expects WIDTHxHEIGHT with sides from 1 to ", most,
           ", found '", text, "'");
  return {*width, *height};
}

CropCorner parse_crop(std::string_view flag, std::string_view text, int most) {
  const std::string_view typed = trim(text);
  const size_t end = std::min(typed.find_first_of(", "), typed.size());
  std::string_view rest = trim(typed.substr(end));
  if (rest.starts_with(',')) rest = trim(rest.substr(1));
  const auto top = whole_number<int>(typed.substr(0, end));
  const auto left = whole_number<int>(rest);
  SD_CHECK(top && left && std::min(*top, *left) >= 0 && std::max(*top, *left) <= most,
           ErrorKind::kUsage, flag, " expects TOP,LEFT, two whole numbers from 0 to ", most,
           ", found '", quotable(text), "'");
  return {*top, *left};
}

std::string parse_text(std::string_view flag, std::string_view text) {
  SD_CHECK(is_utf8(text), ErrorKind::kUsage, flag,
           " expects text in UTF-8, found bytes that are not");
  return std::string(text);
}

std::string parse_path(std::string_view flag, std::string_view text) {
  SD_CHECK(!text.empty(), ErrorKind::kUsage, flag,
           " expects the name of a file or folder, found an empty text");
  return std::string(text);
}

std::string print_real(double number) {
  std::array<char, 32> digits{};
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  return {digits.data(), result.ptr};
}

std::string print_integers(std::span<const int> numbers, char separator) {
  std::string list;
  for (const int number : numbers) {
    if (!list.empty()) list += separator;
    list += std::to_string(number);
  }
  return list;
}

std::string print_size(const PixelSize& size) { return concat_text(size.width, "x", size.height); }

std::string print_crop(const CropCorner& corner, char separator) {
  return print_integers(std::array{corner.top, corner.left}, separator);
}

std::string print_range(int64_t low, int64_t high) { return concat_text(low, " to ", high); }

std::string print_range(double low, double high) {
  return print_real(low) + " to " + print_real(high);
}

std::string print_choices(std::span<const std::string_view> names) {
  std::string list;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) list += i + 1 == names.size() ? " or " : ", ";
    list += names[i];
  }
  return list;
}

std::string suggest(std::string_view typed, std::span<const std::string_view> names) {
  const auto nearest = nearest_name(typed, names);
  return nearest ? " (did you mean " + std::string(*nearest) + "?)" : "";
}

}  // namespace sd
