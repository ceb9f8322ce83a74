#include "jobs/grid_axes.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <utility>

#include "core/check.h"
#include "jobs/job_keys.h"
#include "jobs/job_text.h"
#include "jobs/number_range.h"
#include "jobs/parse_value.h"
#include "jobs/prompt_keys.h"

namespace sd {
namespace {

/// How the values of a key are read.
enum class AxisValues { kWhole, kReal, kNames, kTexts, kNone };

constexpr std::array<std::pair<std::string_view, AxisValues>, 16> kValuesOfKeys = {{
    {"steps", AxisValues::kWhole},
    {"seed", AxisValues::kWhole},
    {"width", AxisValues::kWhole},
    {"height", AxisValues::kWhole},
    {"clip_skip", AxisValues::kWhole},
    {"max_sequence_length", AxisValues::kWhole},
    {"scale", AxisValues::kReal},
    {"guidance_rescale", AxisValues::kReal},
    {"eta", AxisValues::kReal},
    {"strength", AxisValues::kReal},
    {"skip_layer_scale", AxisValues::kReal},
    {"skip_layer_start", AxisValues::kReal},
    {"skip_layer_stop", AxisValues::kReal},
    {kPromptSearchKey, AxisValues::kTexts},
    {"count", AxisValues::kNone},   // a cell is one picture
    {"output", AxisValues::kNone},  // the grid names its pictures
}};

AxisValues values_of_key(std::string_view key) {
  if (is_prompt_key(key)) return AxisValues::kTexts;
  const auto* row =
      std::ranges::find(kValuesOfKeys, key, [](const auto& row) { return row.first; });
  return row == kValuesOfKeys.end() ? AxisValues::kNames : row->second;
}

/// The values of a list in the manner of CSV.
class ListReader {
 public:
  ListReader(std::string_view flag, std::string_view list) : flag_(flag), list_(list) {}

  std::vector<std::string> read() {
    std::vector<std::string> values;
    do {
      take_blanks();
      values.push_back(rest().starts_with('"') ? quoted() : plain());
    } while (take(','));
    return values;
  }

 private:
  std::string_view rest() const { return list_.substr(at_); }

  bool take(char c) {
    if (!rest().starts_with(c)) return false;
    ++at_;
    return true;
  }

  void take_blanks() {
    while (at_ < list_.size() && is_blank(list_[at_])) ++at_;
  }

  std::string plain() {
    const std::string_view value = rest().substr(0, rest().find(','));
    at_ += value.size();
    return std::string(trim(value));
  }

  std::string quoted() {
    std::string value;
    take('"');
    for (;;) {
      const size_t quote = rest().find('"');
      SD_CHECK(quote != std::string_view::npos, ErrorKind::kUsage, flag_,
               " found a quote without its second one, in '", quotable(list_), "'");
      value += rest().substr(0, quote);
      at_ += quote + 1;
      if (!take('"')) break;
      value += '"';
    }
    take_blanks();
    SD_CHECK(rest().empty() || rest().starts_with(','), ErrorKind::kUsage, flag_,
             " expects a comma after a value in quotes, found '", quotable(rest()), "'");
    return value;
  }

  std::string_view flag_;
  std::string_view list_;
  size_t at_ = 0;
};

/// The name of the key, whatever it is called.
std::string key_of(std::string_view flag, std::string_view typed) {
  if (typed == kPromptSearchKey || typed == "prompt-sr") return std::string(kPromptSearchKey);
  try {
    return std::string(job_keys()[parse_job_key(typed)].name);
  } catch (const Error& error) {
    fail(ErrorKind::kUsage, flag, ": ", error.what());
  }
}

void check_values(const GridAxis& axis) {
  SD_CHECK(axis.values.size() <= kMaxAxisValues, ErrorKind::kUsage, axis.flag, " expects at most ",
           kMaxAxisValues, " values of ", axis.key, ", found ", axis.values.size());
  const bool is_search = axis.key == kPromptSearchKey;
  const size_t key = parse_job_key(is_search ? "prompt" : std::string_view(axis.key));
  const std::string typed = axis.flag + " " + axis.key;
  for (const std::string& value : axis.values) {
    Job job;
    set_job_value(job, key, typed, {ValueKind::kBare, value});
  }
  std::vector<std::string_view> sorted(axis.values.begin(), axis.values.end());
  std::ranges::sort(sorted);
  const auto equal = std::ranges::adjacent_find(sorted);
  SD_CHECK(equal == sorted.end(), ErrorKind::kUsage, typed, " expects different values, found '",
           quotable(*equal), "' twice");
  SD_CHECK(!is_search || (axis.values.size() > 1 && !axis.values[0].empty()), ErrorKind::kUsage,
           typed, " expects the text to search for and at least one to put in its place, found ",
           axis.values.size() > 1 ? "an empty text to search for" : "one text");
}

/// Puts the replacement wherever the text is; whether it was anywhere.
bool replace_all(std::string& text, const std::string& search, const std::string& replacement) {
  bool is_found = false;
  for (size_t at = text.find(search); at != text.npos;
       at = text.find(search, at + replacement.size())) {
    text.replace(at, search.size(), replacement);
    is_found = true;
  }
  return is_found;
}

}  // namespace

GridAxis parse_axis(std::string_view flag, std::string_view text) {
  const size_t sign = text.find('=');
  SD_CHECK(sign != text.npos && !trim(text.substr(sign + 1)).empty(), ErrorKind::kUsage, flag,
           " expects a key and its values, such as steps=10,20,30, found '", quotable(text), "'");
  GridAxis axis = {std::string(flag), key_of(flag, trim(text.substr(0, sign))), {}};
  const AxisValues kind = values_of_key(axis.key);
  SD_CHECK(kind != AxisValues::kNone, ErrorKind::kUsage, flag, " expects a key that changes a ",
           "picture, found ", axis.key);
  const std::string typed = axis.flag + " " + axis.key;
  for (std::string& value : ListReader(typed, text.substr(sign + 1)).read()) {
    SD_CHECK(!value.empty() || kind == AxisValues::kTexts, ErrorKind::kUsage, typed,
             " expects a value between commas, found none in '", quotable(text), "'");
    std::optional<std::vector<std::string>> range;
    if (kind == AxisValues::kWhole || kind == AxisValues::kReal) {
      const bool is_whole = kind == AxisValues::kWhole;
      range = expand_range(typed, value, is_whole ? NumberKind::kWhole : NumberKind::kReal,
                           kMaxAxisValues);
    }
    if (range) {
      std::ranges::move(*range, std::back_inserter(axis.values));
    } else {
      axis.values.push_back(std::move(value));
    }
  }
  check_values(axis);
  return axis;
}

void set_axis_value(Job& job, const GridAxis& axis, size_t index) {
  const std::string& value = axis.values[index];
  if (axis.key != kPromptSearchKey) return set_job_value(job, axis.key, value);
  const std::string& search = axis.values.front();
  bool is_found = false;
  for (const PromptKey& prompt : kPromptKeys) {
    is_found |= replace_all(job.request.*prompt.text, search, value);
  }
  SD_CHECK(is_found, ErrorKind::kUsage, axis.flag, " ", axis.key,
           " expects a text that is in the prompt or the negative prompt, found '",
           quotable(search), "'");
}

std::string axis_label(const GridAxis& axis, size_t index) {
  const std::string& value = axis.values[index];
  if (axis.key == "prompt" || axis.key == kPromptSearchKey) return value;
  std::string label = axis.key;
  std::ranges::replace(label, '_', ' ');
  if (axis.key != "model" && !axis.key.starts_with("init_")) return label + ": " + value;
  const std::filesystem::path path = value;
  const std::filesystem::path name = path.has_filename() ? path : path.parent_path();
  return label + ": " + name.filename().string();
}

}  // namespace sd
