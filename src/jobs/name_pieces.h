#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sd {

/// What may stand in a name for what a picture is made of.
enum class Placeholder {
  kIndex,
  kSeed,
  kPrompt,
  kNegativePrompt,
  kSampler,
  kSteps,
  kScale,
  kWidth,
  kHeight,
  kModel,
  kDate,
};

/// All of them, each beside its name in braces, in the order in which messages list them.
struct PlaceholderName {
  std::string_view name;
  Placeholder placeholder;
};
inline constexpr std::array<PlaceholderName, 11> kPlaceholderNames = {{
    {"index", Placeholder::kIndex},
    {"seed", Placeholder::kSeed},
    {"prompt", Placeholder::kPrompt},
    {"negative_prompt", Placeholder::kNegativePrompt},
    {"sampler", Placeholder::kSampler},
    {"steps", Placeholder::kSteps},
    {"scale", Placeholder::kScale},
    {"width", Placeholder::kWidth},
    {"height", Placeholder::kHeight},
    {"model", Placeholder::kModel},
    {"date", Placeholder::kDate},
}};

/// How a text is written into a name.
enum class TextStyle {
  kPlain,
  kUnderscores,  ///< spaces are _
  kWords,        ///< its first words
  kDisplayName,  ///< a sampler as A1111 calls it: "Euler a"
};

/// A name in pieces.
struct NamePiece {
  std::string literal;                     ///< used where it is no placeholder
  std::optional<Placeholder> placeholder;  ///< what stands for a value
  TextStyle style = TextStyle::kPlain;
  std::size_t width = 0;    ///< of numbers: least digits; of texts: most characters, 0: no limit
  std::string date_format;  ///< of dates: as strftime takes it
};

/// The pieces of a pattern: {{ and }} are braces, all else in braces is a placeholder with perhaps
/// a format; A1111's spellings [seed], [prompt_words] and so on are placeholders whatever their
/// case, [[seed]] is the text [seed], and other text in brackets is itself. `flag` names the option
/// in the kUsage that is thrown for an unknown placeholder or one that is not `allowed`, a wrong
/// format, a brace alone, and text in brackets that is nearly an A1111 spelling or one that sd does
/// not know.
std::vector<NamePiece> read_name_pattern(std::string_view flag, std::string_view pattern,
                                         std::span<const Placeholder> allowed);

/// Whether the text has one of these placeholders, in either spelling.
bool has_placeholder(std::string_view text, std::span<const Placeholder> placeholders);

}  // namespace sd
