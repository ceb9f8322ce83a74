#include "jobs/number_range.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <system_error>

#include "core/check.h"
#include "jobs/job_text.h"
#include "jobs/parse_value.h"

namespace sd {
namespace {

constexpr std::string_view kDigits = "0123456789";
constexpr size_t kMostDigits = 15;    // a thousand such numbers, added up, are below 2^63
constexpr double kSpreadUnits = 1e8;  // in 1

/// `units` / 10^`decimals`
struct Decimal {
  int64_t units;
  size_t decimals;
};

int64_t power_of_ten(size_t exponent) {
  int64_t power = 1;
  for (; exponent > 0; --exponent) power *= 10;
  return power;
}

/// What a range is made of.
struct RangeText {
  std::string_view first;
  std::string_view last;
  std::optional<std::string_view> step;
  std::optional<std::string_view> count;
};

/// Reads a range from left to right.
class RangeScanner {
 public:
  explicit RangeScanner(std::string_view text) : rest_(trim(text)) {}

  bool at_end() const { return rest_.empty(); }

  bool take(char c) {
    rest_ = trim(rest_);
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  /// An optional sign, digits, and after a point more digits, with one digit at least; else nothing
  /// is taken.
  std::string_view take_number() {
    rest_ = trim(rest_);
    const size_t sign = rest_.starts_with('+') || rest_.starts_with('-') ? 1 : 0;
    size_t length = digits_end(sign);
    size_t digits = length - sign;
    if (rest_.substr(length).starts_with('.')) {
      const size_t end = digits_end(length + 1);
      digits += end - length - 1;
      length = end;
    }
    if (digits == 0) return {};
    const std::string_view number = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return number;
  }

 private:
  size_t digits_end(size_t begin) const {
    return std::min(rest_.find_first_not_of(kDigits, begin), rest_.size());
  }

  std::string_view rest_;
};

/// The parts of "a:b:step", where the text is in that form.
std::optional<RangeText> read_colons(std::string_view text) {
  RangeScanner scanner(text);
  RangeText range;
  range.first = scanner.take_number();
  if (range.first.empty() || !scanner.take(':')) return std::nullopt;
  range.last = scanner.take_number();
  if (scanner.take(':')) {
    range.step = scanner.take_number();
    if (range.step->empty()) return std::nullopt;
  }
  if (range.last.empty() || !scanner.at_end()) return std::nullopt;
  return range;
}

/// The parts of "a-b", "a-b (step)" or "a-b [count]", where the text is in that form.
std::optional<RangeText> read_dash(std::string_view text) {
  RangeScanner scanner(text);
  RangeText range;
  range.first = scanner.take_number();
  if (range.first.empty() || !scanner.take('-')) return std::nullopt;
  range.last = scanner.take_number();
  bool is_closed = true;
  if (scanner.take('(')) {
    range.step = scanner.take_number();
    is_closed = !range.step->empty() && scanner.take(')');
  } else if (scanner.take('[')) {
    range.count = scanner.take_number();
    is_closed = range.count->find_first_not_of(kDigits) == std::string_view::npos &&
                !range.count->empty() && scanner.take(']');
  }
  if (range.last.empty() || !is_closed || !scanner.at_end()) return std::nullopt;
  return range;
}

bool begins_like_dash(std::string_view text) {
  RangeScanner scanner(text);
  return !scanner.take_number().empty() && scanner.take('-');
}

std::string print(const Decimal& number) {
  std::string digits = std::to_string(std::abs(number.units));
  if (digits.size() <= number.decimals) digits.insert(0, number.decimals + 1 - digits.size(), '0');
  if (number.decimals > 0) {
    digits.insert(digits.size() - number.decimals, ".");
    digits.resize(digits.find_last_not_of('0') + 1);
    if (digits.back() == '.') digits.pop_back();
  }
  return number.units < 0 ? "-" + digits : digits;
}

/// Makes the numbers of one range.
class RangeExpander {
 public:
  RangeExpander(std::string_view flag, std::string_view text, size_t most)
      : flag_(flag), text_(text), most_(most) {}

  template <typename... Parts>
  void check(bool holds, const Parts&... parts) const {
    SD_CHECK(holds, ErrorKind::kUsage, flag_, " expects ", parts..., ", found '", quotable(text_),
             "'");
  }

  std::vector<std::string> by_step(const RangeText& range) const {
    Decimal first = decimal(range.first);
    Decimal last = decimal(range.last);
    Decimal step = range.step ? decimal(*range.step) : Decimal{1, 0};
    const size_t decimals = std::max({first.decimals, last.decimals, step.decimals});
    for (Decimal* number : {&first, &last, &step}) widen(*number, decimals);
    if (!range.step && last.units < first.units) step.units = -step.units;
    check(step.units != 0, "a range whose step is not 0");
    const int64_t way = last.units - first.units;
    check(way == 0 || (way > 0) == (step.units > 0),
          "a range whose step leads from its start to its end");
    const int64_t steps = way / step.units;
    check_count(steps + 1);
    std::vector<std::string> numbers;
    for (int64_t i = 0; i <= steps; ++i) {
      numbers.push_back(print({first.units + i * step.units, decimals}));
    }
    return numbers;
  }

  std::vector<std::string> by_count(const RangeText& range, NumberKind kind) const {
    Decimal first = decimal(range.first);
    Decimal last = decimal(range.last);
    const size_t decimals = std::max(first.decimals, last.decimals);
    widen(first, decimals);
    widen(last, decimals);
    size_t count = 0;
    const auto result =
        std::from_chars(range.count->data(), range.count->data() + range.count->size(), count);
    check_count(result.ec == std::errc() ? static_cast<int64_t>(std::min(count, most_ + 1))
                                         : static_cast<int64_t>(most_ + 1));
    check(count > 0, "a range of at least 1 number");
    const auto gaps = static_cast<int64_t>(std::max<size_t>(count - 1, 1));
    std::vector<std::string> numbers;
    for (int64_t i = 0; i < static_cast<int64_t>(count); ++i) {
      const int64_t sum = first.units * (gaps - i) + last.units * i;  // of `gaps` numbers
      if (kind == NumberKind::kWhole) {
        numbers.push_back(std::to_string(sum / gaps / power_of_ten(decimals)));
        continue;
      }
      const double number =
          static_cast<double>(sum) / static_cast<double>(gaps * power_of_ten(decimals));
      numbers.push_back(print_real(std::round(number * kSpreadUnits) / kSpreadUnits));
    }
    return numbers;
  }

 private:
  Decimal decimal(std::string_view text) const {
    std::string digits(text);
    if (digits.starts_with('+')) digits.erase(0, 1);
    const size_t point = std::min(digits.find('.'), digits.size());
    const size_t decimals = digits.size() - std::min(point + 1, digits.size());
    if (point < digits.size()) digits.erase(point, 1);
    int64_t units = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), units);
    check(result.ec == std::errc() && digits.size() <= kMostDigits,
          "a range of numbers of at most ", kMostDigits, " digits");
    return {units, decimals};
  }

  void widen(Decimal& number, size_t decimals) const {
    const size_t missing = decimals - number.decimals;
    const int64_t most = power_of_ten(kMostDigits - missing);
    check(std::abs(number.units) < most, "a range of numbers of at most ", kMostDigits, " digits");
    number = {number.units * power_of_ten(missing), decimals};
  }

  void check_count(int64_t count) const {
    check(count <= static_cast<int64_t>(most_), "a range of at most ", most_, " numbers");
  }

  std::string_view flag_;
  std::string_view text_;
  size_t most_;
};

}  // namespace

std::optional<std::vector<std::string>> expand_range(std::string_view flag, std::string_view text,
                                                     NumberKind kind, size_t most) {
  const RangeExpander expander(flag, text, most);
  if (text.find(':') != text.npos) {
    const auto range = read_colons(text);
    expander.check(range.has_value(), "a range of plain numbers such as 1:5 or 3:9:2");
    return expander.by_step(*range);
  }
  if (!begins_like_dash(text)) return std::nullopt;
  const auto range = read_dash(text);
  expander.check(range.has_value(), "a range such as 1-5, 1-10 (+2) or 1-10 [5]");
  return range->count ? expander.by_count(*range, kind) : expander.by_step(*range);
}

}  // namespace sd
