#include "jobs/job_format.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>

#include "io/utf8.h"
#include "jobs/job_keys.h"
#include "jobs/job_text.h"

namespace sd {
namespace {

bool begins_object(std::string_view text) {
  if (!text.starts_with('{')) return false;
  text = trim(text.substr(1));
  if (text.empty() || text == "}") return true;
  return text.starts_with('"') && trim(text.substr(json_string_length(text))).starts_with(':');
}

bool begins_json(std::string_view line) {
  if (!line.starts_with('[')) return begins_object(line);
  line = trim(line.substr(1));
  return line.empty() || line == "]" || begins_object(line);
}

/// Whether the brackets that a line opens are all closed in it.
bool is_whole_object(std::string_view line) {
  int depth = 0;
  while (!line.empty()) {
    if (line[0] == '{' || line[0] == '[') ++depth;
    if (line[0] == '}' || line[0] == ']') --depth;
    line.remove_prefix(line[0] == '"' ? json_string_length(line) : 1);
  }
  return depth <= 0;
}

std::optional<JobFormat> format_of_extension(std::string_view extension) {
  if (extension == ".ndjson") return JobFormat::kJsonLines;
  if (extension == ".tab") return JobFormat::kTsv;
  for (const auto& [name, format] : kJobFormatNames) {
    if (extension.starts_with('.') && extension.substr(1) == name) return format;
  }
  return std::nullopt;
}

/// Whether the first line of a table has these cells.
bool has_keys(std::string_view line, char separator) {
  int keys = 0;
  bool has_prompt = false;
  bool has_separator = false;
  for (;;) {
    const size_t end = line.find(separator);
    std::string_view cell = trim(line.substr(0, end));
    if (cell.size() > 1 && cell.starts_with('"') && cell.ends_with('"')) {
      cell = cell.substr(1, cell.size() - 2);
    }
    has_prompt |= cell == "prompt";
    keys += find_job_key(cell) ? 1 : 0;
    if (end == line.npos) break;
    has_separator = true;
    line.remove_prefix(end + 1);
  }
  return has_separator && (has_prompt || keys > 1);
}

}  // namespace

bool is_whole_head(std::string_view head) {
  const auto text = std::ranges::find_if_not(head, is_blank);
  return head.size() >= kJobHead || std::find(text, head.end(), '\n') != head.end();
}

JobFormat find_job_format(std::string_view name, std::string_view head) {
  while (!head.empty() && is_blank(head[0])) head.remove_prefix(1);
  const size_t end = head.find('\n');
  const std::string_view line = trim(head.substr(0, end));
  const std::string extension = lower_case(std::filesystem::path(name).extension().string());
  const auto named = format_of_extension(extension);
  if (begins_json(line)) {
    const bool is_line = line.starts_with('{') && (is_whole_object(line) || end == head.npos);
    return named != JobFormat::kJson && is_line ? JobFormat::kJsonLines : JobFormat::kJson;
  }
  const bool has_tabs = line.find('\t') != line.npos;
  const bool has_commas = line.find(',') != line.npos;
  if (named == JobFormat::kCsv && has_tabs && !has_commas) return JobFormat::kTsv;
  if (named == JobFormat::kTsv && has_commas && !has_tabs) return JobFormat::kCsv;
  if (named) return *named;
  if (has_keys(line, '\t')) return JobFormat::kTsv;
  if (has_keys(line, ',')) return JobFormat::kCsv;
  return JobFormat::kText;
}

}  // namespace sd
