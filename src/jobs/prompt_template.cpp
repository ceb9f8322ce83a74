#include "jobs/prompt_template.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

#include "core/check.h"
#include "io/utf8.h"

namespace sd {
namespace {

/// What a backslash takes its meaning from. Before all else it stays, as in \( of AUTOMATIC1111;
/// so do both of two.
constexpr std::string_view kEscapable = "{}|$_:#@!~,";
constexpr std::string_view kSpaces = " \t\r\n";
constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kNameLetters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

enum class Within { kText, kChoice, kVariable, kArguments };

/// What ends a text there.
std::string_view ends_of(Within within) {
  switch (within) {
    case Within::kText: return "";
    case Within::kChoice: return "|}";
    case Within::kVariable: return "}";
    case Within::kArguments: return ",)";
  }
  return "";
}

/// The length of what a backslash at the start of `text` forms with its neighbour.
size_t escape_length(std::string_view text) { return std::min<size_t>(text.size(), 2); }

/// What these one or two bytes stand for.
std::string_view unescape(std::string_view escape) {
  const bool drops = escape.size() > 1 && kEscapable.find(escape[1]) != kEscapable.npos;
  return drops ? escape.substr(1) : escape;
}

class TemplateParser {
 public:
  TemplateParser(const TemplateSource& source, size_t begin)
      : source_(source), text_(source.text), at_(begin) {}

  PromptTemplate parse() {
    PromptTemplate result;
    result.nodes = nodes(Within::kText);
    result.wildcards = std::move(wildcards_);
    return result;
  }

 private:
  std::string_view rest() const { return text_.substr(at_); }
  bool at_end() const { return at_ == text_.size(); }
  bool begins(std::string_view part) const { return rest().starts_with(part); }
  TemplatePlace place(size_t offset) const { return {&source_, offset}; }

  bool take(std::string_view part) {
    if (!begins(part)) return false;
    at_ += part.size();
    return true;
  }

  /// The longest piece of these letters that the rest begins with.
  std::string_view take_all_of(std::string_view letters) {
    const std::string_view taken = rest().substr(0, rest().find_first_not_of(letters));
    at_ += taken.size();
    return taken;
  }

  template <typename... Parts>
  void check(bool holds, size_t offset, const Parts&... parts) const {
    SD_CHECK(holds, ErrorKind::kUsage, print_place(place(offset)), ": ", parts...);
  }

  /// All up to what ends a text there, or to the end.
  TemplateNodes nodes(Within within) {
    check(depth_ <= kMaxTemplateDepth, at_, "braces are nested more than ", kMaxTemplateDepth,
          " deep");
    ++depth_;
    TemplateNodes found;
    while (!at_end() && ends_of(within).find(rest().front()) == std::string_view::npos) {
      add_node(found, within);
    }
    --depth_;
    return found;
  }

  void add_node(TemplateNodes& found, Within within) {
    const size_t begin = at_;
    const auto add = [&](auto content) { found.push_back({place(begin), std::move(content)}); };
    if (begins("\\")) return add_text(found, escape_length(rest()));
    if (take("__")) return add(wildcard(begin));
    if (take("${")) return add_variable(found, begin);
    if (take("{")) return add(choice(begin));
    check(!begins("}"), at_, "found a } without its { (\\} stands for a brace)");
    check(within != Within::kChoice || !begins("$$") || begins("$${"), at_,
          "expected $$ only after { and a number, as in {2$$a|b} or {1-2$$a|b} (\\$ stands for a "
          "dollar sign)");
    add_text(found, 1);
  }

  /// Adds that many bytes to the text at the end.
  void add_text(TemplateNodes& found, size_t length) {
    if (found.empty() || !std::holds_alternative<std::string>(found.back().content)) {
      found.push_back({place(at_), std::string()});
    }
    std::get<std::string>(found.back().content) += unescape(rest().substr(0, length));
    at_ += length;
  }

  /// After its {.
  Choice choice(size_t begin) {
    Choice choice;
    check(!begins("@") && !begins("!"), at_, "found {", rest().substr(0, 1),
          ", which asks for choices in turn, expected a { for a random one (\\",
          rest().substr(0, 1), " stands for the sign)");
    take("~");
    take_count(choice);
    do {
      const WeightedText option = take_weight(rest(), place(at_));
      at_ = text_.size() - option.text.size();
      choice.options.push_back({option.weight, nodes(Within::kChoice)});
      check(!at_end(), begin, "found a { without its } (\\{ stands for a brace)");
    } while (take("|"));
    take("}");
    check(std::ranges::any_of(choice.options, [](const auto& option) { return option.weight > 0; }),
          begin, "expected a choice with a weight that is not 0");
    return choice;
  }

  /// "2$$", "1-3$$", "-3$$", "2-$$" and the separator, if they are there.
  void take_count(Choice& choice) {
    const size_t begin = at_;
    take_all_of(kSpaces);
    const std::string_view low = take_all_of(kDigits);
    take_all_of(kSpaces);
    const bool is_range = take("-");
    take_all_of(kSpaces);
    const std::string_view high = take_all_of(kDigits);
    take_all_of(kSpaces);
    if ((low.empty() && high.empty()) || !take("$$")) {
      at_ = begin;
      return;
    }
    choice.is_counted = true;
    choice.least = low.empty() ? 1 : count(low, begin);
    choice.most = !is_range ? choice.least : high.empty() ? kMaxCount : count(high, begin);
    check(choice.least <= choice.most, begin,
          "expected a range from less to more before $$, found ", choice.least, "-", choice.most);
    take_separator(choice);
  }

  size_t count(std::string_view digits, size_t begin) const {
    size_t number = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    check(result.ec == std::errc() && number <= kMaxCount, begin, "expected a number from 0 to ",
          kMaxCount, " before $$, found ", digits);
    return number;
  }

  void take_separator(Choice& choice) {
    std::string separator;
    for (size_t end = at_; end < text_.size();) {
      const std::string_view ahead = text_.substr(end);
      if (ahead.starts_with("$$")) {
        choice.separator = separator;
        at_ = end + 2;
        return;
      }
      if (std::string_view("{}|").find(ahead.front()) != std::string_view::npos) return;
      const size_t length = ahead.front() == '\\' ? escape_length(ahead) : 1;
      separator += unescape(ahead.substr(0, length));
      end += length;
    }
  }

  /// After its ${. A set variable prints nothing and takes the white space after it along.
  void add_variable(TemplateNodes& found, size_t begin) {
    const std::string name = variable_name();
    if (take(":")) {
      TemplateNodes otherwise = nodes(Within::kVariable);
      found.push_back({place(begin), VariableUse{name, std::move(otherwise)}});
    } else if (begins("=") || begins("?=")) {
      found.push_back({place(begin), variable_set(name, Within::kVariable)});
    } else {
      found.push_back({place(begin), VariableUse{name, std::nullopt}});
    }
    check(!at_end(), begin, "found a ${ without its } (\\$ stands for a dollar sign)");
    check(take("}"), at_, "expected ${", name, "}, ${", name, ":text} or ${", name, "=text}");
    if (std::holds_alternative<VariableSet>(found.back().content)) take_all_of(kSpaces);
  }

  std::string variable_name() {
    take_all_of(kSpaces);
    const size_t begin = at_;
    const std::string_view name = take_all_of(kNameLetters);
    check(!name.empty() && (kDigits.find(name.front()) == name.npos) && name.front() != '-', begin,
          "expected the name of a variable, which begins with a letter (\\$ stands for a dollar "
          "sign)");
    take_all_of(kSpaces);
    return std::string(name);
  }

  /// From "=" or "?=" on.
  VariableSet variable_set(const std::string& name, Within within) {
    VariableSet set{name, {}};
    set.keeps_existing = take("?");
    take("=");
    take_all_of(kSpaces);
    set.is_immediate = take("!");
    set.value = nodes(within);
    return set;
  }

  /// After its first __.
  WildcardUse wildcard(size_t begin) {
    check(!begins("@") && !begins("!"), at_, "found __", rest().substr(0, 1),
          ", which asks for values in turn, expected a random one");
    take("~");
    const size_t end = std::min(rest().find("__"), rest().find('('));
    check(end != std::string_view::npos, begin,
          "found __ without its second __ (\\_ stands for an underscore)");
    WildcardUse use{std::string(rest().substr(0, end)), {}};
    const bool is_name = !use.name.empty() && std::ranges::none_of(use.name, [](char c) {
      const bool is_control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
      return is_control || std::string_view("{}|$\\").find(c) != std::string_view::npos;
    });
    check(is_name, begin, "expected the name of a file of wildcards between __ and __",
          " (\\_ stands for an underscore)");
    at_ += end;
    if (begins("(")) take_arguments(use, begin);
    check(take("__"), begin, "found __ without its second __ (\\_ stands for an underscore)");
    wildcards_.emplace_back(use.name, place(begin));
    return use;
  }

  /// "(x=text, y=text)"
  void take_arguments(WildcardUse& use, size_t begin) {
    take("(");
    do {
      const std::string name = variable_name();
      check(begins("=") || begins("?="), at_, "expected = after the argument ", name);
      use.arguments.push_back(variable_set(name, Within::kArguments));
      check(!at_end(), begin, "found a ( without its ) in the arguments of __", use.name, "__");
    } while (take(","));
    take(")");
  }

  const TemplateSource& source_;
  std::string_view text_;
  size_t at_;
  size_t depth_ = 0;
  std::vector<std::pair<std::string, TemplatePlace>> wildcards_;
};

}  // namespace

std::string print_place(const TemplatePlace& place) {
  std::string_view before = std::string_view(place.source->text).substr(0, place.offset);
  size_t column = 1;
  for (; !before.empty(); ++column) before.remove_prefix(code_point(before).length);
  const TemplateSource& source = *place.source;
  if (source.line == 0) return concat_text(source.name, ", column ", column);
  return concat_text(source.name, ":", source.line, ":", column);
}

PromptTemplate parse_template(const TemplateSource& source, size_t begin) {
  return TemplateParser(source, begin).parse();
}

WeightedText take_weight(std::string_view text, const TemplatePlace& place) {
  const WeightedText none = {kWeightUnit, text};
  const size_t begin = std::min(text.find_first_not_of(kSpaces), text.size());
  const std::string_view number =
      text.substr(begin, text.substr(begin).find_first_not_of("0123456789.+-e"));
  const std::string_view after = text.substr(begin + number.size());
  if (!after.starts_with("::") || number.find_first_of(kDigits) == number.npos) return none;
  double weight = 0;
  const char* end = number.data() + number.size();
  const auto result = std::from_chars(number.data(), end, weight);
  SD_CHECK(result.ec == std::errc() && result.ptr == end && weight >= 0 && weight <= kMaxWeight,
           ErrorKind::kUsage, print_place({place.source, place.offset + begin}),
           ": expected a weight from 0 to ", static_cast<int64_t>(kMaxWeight), " before ::, found ",
           number, " (\\: stands for a colon)");
  const auto units = static_cast<uint64_t>(std::llround(weight * static_cast<double>(kWeightUnit)));
  return {weight > 0 ? std::max<uint64_t>(units, 1) : 0, after.substr(2)};
}

}  // namespace sd
