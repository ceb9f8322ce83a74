#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sd {

struct CropCorner;
struct PixelSize;

inline constexpr uint64_t kMaxSeed = std::numeric_limits<uint64_t>::max();

/// A whole number from `low` to `high`, digits alone. `flag` names the option in the message of the
/// kUsage that anything else throws; so in all functions of this file.
int64_t parse_integer(std::string_view flag, std::string_view text, int64_t low, int64_t high);

/// Whole numbers from `low` to `high` with commas or spaces between, no two equal, in ascending
/// order; "none" is none.
std::vector<int> parse_integers(std::string_view flag, std::string_view text, int low, int high);

/// A seed: 0 to kMaxSeed.
uint64_t parse_seed(std::string_view flag, std::string_view text);

/// A finite number from `low` to `high`, with a point whatever the locale.
double parse_real(std::string_view flag, std::string_view text, double low, double high);

/// One of `names`, which are in lower case, whatever the case of `text`. The nearest is suggested.
std::string parse_choice(std::string_view flag, std::string_view text,
                         std::span<const std::string_view> names);

/// "true" or "false", whatever the case.
bool parse_boolean(std::string_view flag, std::string_view text);

/// WIDTHxHEIGHT, sides from 1 to `most`: "1024x768".
PixelSize parse_size(std::string_view flag, std::string_view text, int most);

/// TOP,LEFT, both from 0 to `most`, with a comma or spaces between.
CropCorner parse_crop(std::string_view flag, std::string_view text, int most);

/// Text that is valid UTF-8, the empty one included.
std::string parse_text(std::string_view flag, std::string_view text);

/// The name of a file or folder: not empty.
std::string parse_path(std::string_view flag, std::string_view text);

/// The shortest digits that give the number back: "7.5", "7", "0.0001".
std::string print_real(double number);

/// "7,8,9"
std::string print_integers(std::span<const int> numbers, char separator = ',');

/// "1024x768"
std::string print_size(const PixelSize& size);

/// "0,16"
std::string print_crop(const CropCorner& corner, char separator = ',');

/// "1 to 1000", "0 to 0.5"
std::string print_range(int64_t low, int64_t high);
std::string print_range(double low, double high);

/// "auto, cpu or cuda"
std::string print_choices(std::span<const std::string_view> names);

/// " (did you mean steps?)" where one of the names is near, else "".
std::string suggest(std::string_view typed, std::span<const std::string_view> names);

}  // namespace sd
