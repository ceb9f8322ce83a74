#include "io/infotext.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "core/check.h"
#include "io/utf8.h"

namespace sd {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kNegative = "Negative prompt:";
constexpr std::string_view kExactPrompt = "Exact prompt";
constexpr std::string_view kExactNegative = "Exact negative prompt";
constexpr std::size_t kMinFields = 3;

/// White space as Python's str.strip and `\s` see it: the web UI is written in Python.
bool is_space(std::uint32_t c) {
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
         c == 0x205f || c == 0x3000;
}

std::size_t leading_space(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const CodePoint c = code_point(text.substr(at));
    if (!is_space(c.value)) break;
    at += c.length;
  }
  return at;
}

std::string_view strip(std::string_view text) {
  text.remove_prefix(leading_space(text));
  std::size_t end = 0;  // of the last character that is no space
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point(text.substr(at));
    at += c.length;
    if (!is_space(c.value)) end = at;
  }
  return text.substr(0, end);
}

/// Letters, digits and underscore; beyond ASCII all but space counts as a letter.
bool is_word(std::uint32_t c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
         (c >= 0x80 && !is_space(c));
}

bool is_key_rest(std::uint32_t c) { return is_word(c) || c == ' ' || c == '-' || c == '/'; }

/// Bytes of the longest key at the start of `text`, 0 where it starts with none.
std::size_t key_length(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const CodePoint c = code_point(text.substr(at));
    if (at == 0 ? !is_word(c.value) : !is_key_rest(c.value)) break;
    at += c.length;
  }
  return at;
}

bool is_key(std::string_view text) {
  return !text.empty() && key_length(text) == text.size() && text.size() > code_point(text).length;
}

/// Bytes of the JSON string, quotes included, that `text` starts with and after which the field
/// ends; 0 where there is none.
std::size_t quoted_length(std::string_view text) {
  if (text.size() < 3 || text[0] != '"') return 0;
  std::size_t at = 1;
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  if (at >= text.size()) return 0;
  const std::size_t end = at + 1;
  return end == text.size() || text[end] == ',' ? end : 0;
}

std::string unquote(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    const auto json = nlohmann::json::parse(value, nullptr, false);
    if (json.is_string()) return json.get<std::string>();
  }
  return std::string(value);
}

std::string quote(std::string_view value) {
  return nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// PNG text cannot hold NUL, a JSON string can.
bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

bool needs_quotes(std::string_view value) {
  return value.empty() || value.front() == '"' || strip(value) != value || has_nul(value) ||
         value.find_first_of(",:\n") != std::string_view::npos;
}

/// The fields wherever in the line they are; what lies between them is skipped.
Fields find_fields(std::string_view line) {
  Fields fields;
  while (!line.empty()) {
    const std::size_t length = key_length(line);
    const bool is_field =
        length < line.size() && line[length] == ':' && is_key(line.substr(0, length));
    if (!is_field) {
      line.remove_prefix(length > 0 ? length : code_point(line).length);
      continue;
    }
    const std::string_view key = line.substr(0, length);
    line.remove_prefix(length + 1);
    line.remove_prefix(leading_space(line));
    std::size_t end = quoted_length(line);
    if (end == 0) end = std::min(line.find(','), line.size());
    fields.emplace_back(key, unquote(line.substr(0, end)));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return fields;
}

void add_line(std::string& text, std::string_view line) {
  if (!text.empty()) text += '\n';
  text += line;
}

/// What a reader of the grammar alone sees.
Infotext parse_plain(std::string_view text) {
  text = strip(text);
  Infotext result;
  const std::size_t last = text.rfind('\n') + 1;  // 0 where there is one line only
  Fields fields = find_fields(text.substr(last));
  if (fields.size() >= kMinFields) {
    result.fields = std::move(fields);
    if (last == 0) return result;
    text = text.substr(0, last - 1);
  }
  std::string* part = &result.prompt;
  for (bool more = true; more;) {
    const std::size_t end = text.find('\n');
    more = end != std::string_view::npos;
    std::string_view line = strip(text.substr(0, end));
    if (more) text.remove_prefix(end + 1);
    if (line.starts_with(kNegative)) {
      part = &result.negative_prompt;
      line = strip(line.substr(kNegative.size()));
    }
    add_line(*part, line);
  }
  return result;
}

std::string print_plain(const Infotext& infotext) {
  std::string text = infotext.prompt;
  if (!infotext.negative_prompt.empty()) {
    text += '\n';
    text += kNegative;
    text += ' ' + infotext.negative_prompt;
  }
  text += '\n';
  for (std::size_t i = 0; i < infotext.fields.size(); ++i) {
    const auto& [key, value] = infotext.fields[i];
    SD_CHECK(is_key(key) && key != kExactPrompt && key != kExactNegative, ErrorKind::kUsage, "'",
             key, "' cannot be the name of a picture's parameter");
    if (i > 0) text += ", ";
    text += key + ": " + (needs_quotes(value) ? quote(value) : value);
  }
  return std::string(strip(text));
}

std::optional<std::string> take_field(Fields& fields, std::string_view key) {
  const auto at = std::find_if(fields.begin(), fields.end(),
                               [&](const auto& field) { return field.first == key; });
  if (at == fields.end()) return std::nullopt;
  std::string value = std::move(at->second);
  fields.erase(at);
  return value;
}

}  // namespace

std::optional<std::string> Infotext::field(std::string_view key) const {
  const auto at = std::find_if(fields.rbegin(), fields.rend(),
                               [&](const auto& field) { return field.first == key; });
  return at == fields.rend() ? std::nullopt : std::optional(at->second);
}

std::string print_infotext(const Infotext& infotext) {
  SD_CHECK(infotext.fields.size() >= kMinFields, ErrorKind::kUsage, "a picture's parameters need ",
           kMinFields, " fields or more, not ", infotext.fields.size());
  std::string text = print_plain(infotext);
  const Infotext read = parse_plain(text);
  const auto add_unless_read = [&](std::string_view key, const std::string& exact,
                                   const std::string& found) {
    if (exact == found && !has_nul(exact)) return;
    text += ", ";
    text += key;
    text += ": " + quote(exact);
  };
  add_unless_read(kExactPrompt, infotext.prompt, read.prompt);
  add_unless_read(kExactNegative, infotext.negative_prompt, read.negative_prompt);
  return text;
}

Infotext parse_infotext(std::string_view text) {
  Infotext result = parse_plain(text);
  if (auto exact = take_field(result.fields, kExactPrompt)) result.prompt = *std::move(exact);
  if (auto exact = take_field(result.fields, kExactNegative)) {
    result.negative_prompt = *std::move(exact);
  }
  return result;
}

}  // namespace sd
