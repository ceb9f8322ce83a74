#include "jobs/name_pieces.h"

#include <algorithm>
#include <charconv>

#include "core/check.h"
#include "io/utf8.h"
#include "jobs/nearest_name.h"
#include "jobs/parse_value.h"

namespace sd {
namespace {

constexpr std::string_view kDay = "%Y-%m-%d";

/// A spelling of A1111's modules/images.py.
struct BracketName {
  std::string_view name;
  Placeholder placeholder;
  TextStyle style = TextStyle::kPlain;
  std::string_view date_format = kDay;
};
constexpr std::array<BracketName, 13> kBracketNames = {{
    {"index", Placeholder::kIndex},
    {"seed", Placeholder::kSeed},
    {"steps", Placeholder::kSteps},
    {"cfg", Placeholder::kScale},
    {"width", Placeholder::kWidth},
    {"height", Placeholder::kHeight},
    {"sampler", Placeholder::kSampler, TextStyle::kDisplayName},
    {"model_name", Placeholder::kModel},
    {"date", Placeholder::kDate},
    {"datetime", Placeholder::kDate, TextStyle::kPlain, "%Y%m%d%H%M%S"},
    {"prompt", Placeholder::kPrompt, TextStyle::kUnderscores},
    {"prompt_spaces", Placeholder::kPrompt},
    {"prompt_words", Placeholder::kPrompt, TextStyle::kWords},
}};
constexpr std::size_t kBracketLength = 128;  // characters, A1111's --filenames-max-length

/// A1111's that mean nothing here. Those that are plain words may be the user's own text.
constexpr std::array<std::string_view, 12> kForeignNames = {
    "batch_number", "batch_size",        "clip_skip",     "full_prompt_hash",
    "image_hash",   "generation_number", "job_timestamp", "model_hash",
    "prompt_hash",  "prompt_no_styles",  "seed_first",    "seed_last"};

bool is_text(Placeholder placeholder) {
  return placeholder == Placeholder::kPrompt || placeholder == Placeholder::kNegativePrompt ||
         placeholder == Placeholder::kSampler || placeholder == Placeholder::kModel;
}

bool contains(std::span<const Placeholder> set, Placeholder placeholder) {
  return std::ranges::find(set, placeholder) != set.end();
}

template <typename Names>
std::vector<std::string_view> names_of(const Names& table, std::span<const Placeholder> allowed) {
  std::vector<std::string_view> names;
  for (const auto& entry : table) {
    if (contains(allowed, entry.placeholder)) names.push_back(entry.name);
  }
  return names;
}

/// "{index}, {seed} and {date}"
std::string print_known(std::span<const Placeholder> allowed) {
  const std::vector<std::string_view> names = names_of(kPlaceholderNames, allowed);
  std::string list;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) list += i + 1 == names.size() ? " and " : ", ";
    list += "{" + std::string(names[i]) + "}";
  }
  return list;
}

bool is_date_format(std::string_view format) {
  constexpr std::string_view kConversions = "aAbBCdDeFgGhHIjklmMnpPrRsSTtuUVwWyYzZ%";
  constexpr std::size_t kLongest = 64;
  if (format.empty() || format.size() > kLongest) return false;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') continue;
    ++i;
    if (i == format.size() || kConversions.find(format[i]) == kConversions.npos) return false;
  }
  return true;
}

/// The number that all of `digits` is; nothing where there are none or more than `most`.
std::optional<std::size_t> read_number(std::string_view digits, std::size_t most) {
  const bool are_digits = std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  if (digits.empty() || digits.size() > most || !are_digits) return std::nullopt;
  std::size_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

class PatternReader {
 public:
  PatternReader(std::string_view flag, std::string_view pattern,
                std::span<const Placeholder> allowed)
      : flag_(flag), pattern_(pattern), allowed_(allowed), rest_(pattern) {}

  std::vector<NamePiece> read() {
    while (!rest_.empty()) {
      const std::size_t length = std::min(rest_.find_first_of("{}["), rest_.size());
      add_literal(length);
      if (rest_.empty()) break;
      if (rest_.front() == '[') {
        read_bracket();
      } else {
        read_brace();
      }
    }
    return std::move(pieces_);
  }

 private:
  void add_literal(std::string_view text) {
    if (text.empty()) return;
    if (pieces_.empty() || pieces_.back().placeholder) pieces_.emplace_back();
    pieces_.back().literal += text;
  }
  void add_literal(std::size_t length) {
    add_literal(rest_.substr(0, length));
    rest_.remove_prefix(length);
  }

  void read_brace() {
    if (rest_.starts_with("{{") || rest_.starts_with("}}")) {
      rest_.remove_prefix(1);
      add_literal(1);
      return;
    }
    const std::size_t close = rest_.find('}');
    SD_CHECK(close != rest_.npos, ErrorKind::kUsage, flag_, " found a { without its } in '",
             pattern_, "' ({{ stands for a brace)");
    SD_CHECK(close != 0, ErrorKind::kUsage, flag_, " found a } without its { in '", pattern_,
             "' (}} stands for a brace)");
    pieces_.push_back(read_placeholder(rest_.substr(1, close - 1)));
    rest_.remove_prefix(close + 1);
  }

  NamePiece read_placeholder(std::string_view inside) const {
    const std::size_t colon = std::min(inside.find(':'), inside.size());
    const std::string_view name = inside.substr(0, colon);
    const auto* const entry = std::ranges::find(kPlaceholderNames, name, &PlaceholderName::name);
    if (entry == kPlaceholderNames.end() || !contains(allowed_, entry->placeholder)) {
      fail_unknown("{" + std::string(inside) + "}", name);
    }
    NamePiece piece;
    piece.placeholder = entry->placeholder;
    if (entry->placeholder == Placeholder::kDate) piece.date_format = kDay;
    if (colon < inside.size()) read_format(piece, inside.substr(colon));
    return piece;
  }

  [[noreturn]] void fail_unknown(const std::string& found, std::string_view name) const {
    const auto nearest = nearest_name(lower_case(name), names_of(kPlaceholderNames, allowed_));
    fail(ErrorKind::kUsage, flag_, " knows the placeholders ", print_known(allowed_),
         ", found the unknown placeholder ", found, " in '", pattern_, "' (",
         nearest ? "did you mean {" + std::string(*nearest) + "}? " : "",
         "{{ and }} stand for braces)");
  }

  /// `format` begins with its colon.
  void read_format(NamePiece& piece, std::string_view format) const {
    const std::string_view value = format.substr(1);
    const auto expect = [&](bool is_right, std::string_view what) {
      SD_CHECK(is_right, ErrorKind::kUsage, flag_, " expects ", what, ", found '", format, "' in '",
               pattern_, "'");
    };
    if (*piece.placeholder == Placeholder::kScale) {
      expect(false, "no format in {scale}");
    } else if (*piece.placeholder == Placeholder::kDate) {
      expect(is_date_format(value), "a date format such as :%Y%m%d-%H%M in {date}");
      piece.date_format = value;
    } else if (is_text(*piece.placeholder)) {
      piece.width = read_number(value, 4).value_or(0);
      expect(piece.width > 0, "a number of characters such as :40 in a placeholder of text");
    } else {
      const auto width = value.starts_with('0') ? read_number(value.substr(1), 2) : std::nullopt;
      expect(width.has_value(), "a number format such as :05 in a placeholder");
      piece.width = *width;
    }
  }

  void read_bracket() {
    const std::size_t close = rest_.find_first_of("[]", 1);
    if (close == rest_.npos) return add_literal(1);
    if (rest_[close] == '[') return read_doubled_bracket(close);
    const std::string_view inside = rest_.substr(1, close - 1);
    const std::string_view name = inside.substr(0, inside.find('<'));
    if (const BracketName* entry = find_bracket(name)) {
      pieces_.push_back(bracket_piece(*entry, inside));
      rest_.remove_prefix(close + 1);
      return;
    }
    check_meant_as_text(name);
    add_literal(close + 1);
  }

  /// At [[: the text [seed] of [[seed]], or a bracket like any other.
  void read_doubled_bracket(std::size_t second) {
    const std::size_t close = rest_.find_first_of("[]", second + 1);
    const bool is_doubled = second == 1 && close != rest_.npos && rest_.substr(close, 2) == "]]";
    if (!is_doubled || !is_like_bracket_name(rest_.substr(2, close - 2))) return add_literal(1);
    add_literal(rest_.substr(1, close));
    rest_.remove_prefix(close + 2);
  }

  static const BracketName* find_bracket(std::string_view name) {
    const auto* const entry =
        std::ranges::find(kBracketNames, lower_case(name), &BracketName::name);
    return entry == kBracketNames.end() ? nullptr : entry;
  }

  static std::optional<std::string_view> nearest_bracket(std::string_view name) {
    std::vector<std::string_view> names;
    for (const BracketName& entry : kBracketNames) names.push_back(entry.name);
    return nearest_name(lower_case(name), names);
  }

  static bool is_foreign(std::string_view name) {
    return std::ranges::find(kForeignNames, lower_case(name)) != kForeignNames.end();
  }

  static bool is_like_bracket_name(std::string_view inside) {
    const std::string_view name = inside.substr(0, inside.find('<'));
    return nearest_bracket(name) || is_foreign(name);
  }

  void check_meant_as_text(std::string_view name) const {
    SD_CHECK(!is_foreign(name), ErrorKind::kUsage, flag_, " knows the placeholders ",
             print_known(allowed_), ", found A1111's [", name, "], which has no meaning here, in '",
             pattern_, "' ([[", name, "]] stands for that text)");
    const auto nearest = nearest_bracket(name);
    SD_CHECK(!nearest, ErrorKind::kUsage, flag_, " found the unknown placeholder [", name, "] in '",
             pattern_, "' (did you mean [", nearest.value_or(""), "]? [[", name,
             "]] stands for that text)");
  }

  /// `inside` is the name, with A1111's arguments where it has them: datetime<%H%M>.
  NamePiece bracket_piece(const BracketName& entry, std::string_view inside) const {
    if (!contains(allowed_, entry.placeholder)) {
      fail_unknown("[" + std::string(inside) + "]", entry.name);
    }
    NamePiece piece;
    piece.placeholder = entry.placeholder;
    piece.style = entry.style;
    if (is_text(entry.placeholder)) piece.width = kBracketLength;
    if (entry.placeholder == Placeholder::kDate) piece.date_format = entry.date_format;
    if (inside.size() == entry.name.size()) return piece;
    const std::string_view argument = inside.substr(entry.name.size());
    const bool is_one = entry.name == "datetime" && argument.ends_with('>') &&
                        argument.find('>') == argument.size() - 1;
    SD_CHECK(is_one && is_date_format(argument.substr(1, argument.size() - 2)), ErrorKind::kUsage,
             flag_, " expects arguments as in [datetime<%Y%m%d-%H%M>], found [", inside, "] in '",
             pattern_, "'");
    piece.date_format = argument.substr(1, argument.size() - 2);
    return piece;
  }

  std::string_view flag_;
  std::string_view pattern_;
  std::span<const Placeholder> allowed_;
  std::string_view rest_;
  std::vector<NamePiece> pieces_;
};

}  // namespace

std::vector<NamePiece> read_name_pattern(std::string_view flag, std::string_view pattern,
                                         std::span<const Placeholder> allowed) {
  return PatternReader(flag, pattern, allowed).read();
}

bool has_placeholder(std::string_view text, std::span<const Placeholder> placeholders) {
  const auto mentions = [&](std::string_view open, std::string_view name, std::string_view ends) {
    const std::string start = std::string(open) + std::string(name);
    for (std::size_t at = text.find(start); at != text.npos; at = text.find(start, at + 1)) {
      const std::size_t end = at + start.size();
      if (end < text.size() && ends.find(text[end]) != ends.npos) return true;
    }
    return false;
  };
  return std::ranges::any_of(names_of(kPlaceholderNames, placeholders),
                             [&](auto name) { return mentions("{", name, "}:"); }) ||
         std::ranges::any_of(names_of(kBracketNames, placeholders),
                             [&](auto name) { return mentions("[", name, "]<"); });
}

}  // namespace sd
