#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sd {

/// The text that AUTOMATIC1111's web UI and its successors keep in a picture under the keyword
/// `parameters`:
///
///     a prompt, maybe of several lines
///     Negative prompt: what is not wanted
///     Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x768
///
/// The last line holds the fields, three or more, else it belongs to the prompt. A value that holds
/// a comma, a colon or a line break is a JSON string.
struct Infotext {
  std::string prompt;
  std::string negative_prompt;
  /// In the order of the line. Keys have two or more characters: letters, digits, `_`, and after
  /// the first also space, `-` and `/`.
  std::vector<std::pair<std::string, std::string>> fields;

  bool operator==(const Infotext&) const = default;

  /// The value of the last field of that name.
  std::optional<std::string> field(std::string_view key) const;
};

/// Fields that hold the prompts of a second and third text encoder; A1111 has none.
inline constexpr std::array<std::string_view, 4> kFurtherPromptFields = {
    "Prompt 2", "Prompt 3", "Negative prompt 2", "Negative prompt 3"};

/// The text; needs three fields or more with valid keys (kUsage).
///
/// parse_infotext gives back the same Infotext for all valid UTF-8. The grammar loses some prompts
/// (spaces at the ends of lines, a line that starts with "Negative prompt:"); such a prompt is
/// written a second time as the field "Exact prompt" or "Exact negative prompt", a JSON string that
/// other readers ignore. Likewise a value that would not be read back bare is quoted.
std::string print_infotext(const Infotext& infotext);

/// Reads any text: what is no field line is prompt.
Infotext parse_infotext(std::string_view text);

}  // namespace sd
