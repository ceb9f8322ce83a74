#include "jobs/name_pattern.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>

#include "core/check.h"
#include "jobs/parse_value.h"
#include "jobs/safe_name.h"
#include "jobs/sampler_names.h"

namespace sd {
namespace {

constexpr std::string_view kLeftToModel = "default";

/// A text leaves this much of a name free: for the -1 of --on-exist rename, and .preview.
constexpr std::size_t kRoom = 15;

std::string print_number(std::uint64_t number, std::size_t width) {
  std::string digits = std::to_string(number);
  if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
  return digits;
}

std::string print_date(std::time_t time, const std::string& format) {
  std::tm local{};
  ::localtime_r(&time, &local);
  std::array<char, 1024> text{};  // as %c, the longest, has some 25 and formats at most 64
  const std::size_t length = std::strftime(text.data(), text.size(), format.c_str(), &local);
  return safe_name({text.data(), length});
}

/// A name that grows part by part, each of which fits into what file systems take.
class GrowingName {
 public:
  explicit GrowingName(std::string_view flag) : flag_(flag) {}

  void add_literal(std::string_view text) {
    for (std::size_t slash = text.find('/'); slash != text.npos; slash = text.find('/')) {
      add_value(text.substr(0, slash));
      finish_part();
      name_ += '/';
      text.remove_prefix(slash + 1);
    }
    add_value(text);
  }
  void add_value(std::string_view text) { pieces_.push_back({std::string(text), false}); }
  void add_text(std::string text) { pieces_.push_back({std::move(text), true}); }

  std::string finish() {
    finish_part();
    return std::move(name_);
  }

 private:
  struct Piece {
    std::string text;
    bool may_shrink;
  };

  void finish_part() {
    while (length() > kMaxName - kRoom) {
      const auto longest = std::ranges::max_element(
          pieces_, {}, [](const Piece& piece) { return piece.may_shrink ? piece.text.size() : 0; });
      const std::size_t before = longest->text.size();
      if (longest->may_shrink) cut_last(longest->text);
      if (longest->text.size() == before) break;
    }
    check_name_length(flag_, length());
    for (const Piece& piece : pieces_) name_ += piece.text;
    pieces_.clear();
  }

  std::size_t length() const {
    return std::accumulate(
        pieces_.begin(), pieces_.end(), std::size_t{0},
        [](std::size_t sum, const Piece& piece) { return sum + piece.text.size(); });
  }

  std::string_view flag_;
  std::vector<Piece> pieces_;
  std::string name_;
};

std::string print_text(std::string text, const NamePiece& piece) {
  if (piece.style == TextStyle::kUnderscores) std::ranges::replace(text, ' ', '_');
  if (piece.style == TextStyle::kWords) text = first_words(text);
  return piece.width > 0 ? safe_name(text, piece.width) : safe_name(text);
}

std::string sampler_text(const std::string& sampler, TextStyle style) {
  if (sampler.empty()) return std::string(kLeftToModel);
  return style == TextStyle::kDisplayName ? sampler_display_name(sampler) : sampler;
}

void add_value(GrowingName& name, const NamePiece& piece, const NameValues& values) {
  const auto add_number = [&](const auto& number) {
    name.add_value(number ? print_number(static_cast<std::uint64_t>(*number), piece.width)
                          : std::string(kLeftToModel));
  };
  switch (*piece.placeholder) {
    case Placeholder::kIndex: return add_number(std::optional(values.index));
    case Placeholder::kSeed: return add_number(std::optional(values.seed));
    case Placeholder::kSteps: return add_number(values.steps);
    case Placeholder::kWidth: return add_number(values.width);
    case Placeholder::kHeight: return add_number(values.height);
    case Placeholder::kScale:
      return name.add_value(values.scale ? print_real(*values.scale) : std::string(kLeftToModel));
    case Placeholder::kPrompt: return name.add_text(print_text(values.prompt, piece));
    case Placeholder::kNegativePrompt:
      return name.add_text(print_text(values.negative_prompt, piece));
    case Placeholder::kSampler:
      return name.add_text(print_text(sampler_text(values.sampler, piece.style), piece));
    case Placeholder::kModel: return name.add_text(print_text(values.model, piece));
    case Placeholder::kDate: return name.add_value(print_date(values.time, piece.date_format));
  }
}

}  // namespace

NamePattern NamePattern::parse(std::string_view flag, std::string_view pattern,
                               std::span<const Placeholder> allowed) {
  return {flag, read_name_pattern(flag, pattern, allowed)};
}

std::string NamePattern::print(const NameValues& values) const {
  GrowingName name(flag_);
  for (const NamePiece& piece : pieces_) {
    if (piece.placeholder) {
      add_value(name, piece, values);
    } else {
      name.add_literal(piece.literal);
    }
  }
  return name.finish();
}

bool NamePattern::has(Placeholder placeholder) const {
  return std::ranges::any_of(
      pieces_, [&](const NamePiece& piece) { return piece.placeholder == placeholder; });
}

bool NamePattern::is_fixed() const {
  return std::ranges::none_of(pieces_,
                              [](const NamePiece& piece) { return piece.placeholder.has_value(); });
}

void check_name_length(std::string_view flag, std::size_t length) {
  SD_CHECK(length <= kMaxName, ErrorKind::kUsage, flag, " expects names of at most ", kMaxName,
           " bytes, found one of ", length, " bytes");
}

}  // namespace sd
