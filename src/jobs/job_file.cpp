#include "jobs/job_file.h"

#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/check.h"
#include "io/sha256.h"
#include "jobs/job_input.h"
#include "jobs/json_jobs.h"
#include "jobs/picture_job.h"
#include "jobs/table_jobs.h"
#include "jobs/text_jobs.h"

namespace sd {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

/// Errors: kUsage for what is meant, but cannot be read, as a job file.
void check_head(std::string_view head, const std::string& name) {
  const bool has_utf16_mark = head.starts_with("\xff\xfe") || head.starts_with("\xfe\xff");
  const auto is_zero = [&](size_t at) { return head[at] == '\0'; };
  const bool is_utf16 = head.size() > 3 && is_zero(0) != is_zero(1) && is_zero(0) == is_zero(2) &&
                        is_zero(1) == is_zero(3);
  SD_CHECK(
      !has_utf16_mark && !is_utf16, ErrorKind::kUsage, name,
      ":1:1: expected text in UTF-8, found UTF-16 (iconv -f utf-16 -t utf-8 turns it into that)");
  SD_CHECK(!begins_picture(head), ErrorKind::kUsage, name,
           " is a picture, a file of jobs was expected (sd replay paints a picture again)");
}

std::string folder_of(const JobInput& input) {
  return input.is_regular_file() ? std::filesystem::path(*input.name()).parent_path().string() : "";
}

}  // namespace

std::unique_ptr<JobSource> open_job_file(const std::string& path, const Job& base,
                                         std::optional<JobFormat> format,
                                         const std::function<bool()>& is_stopped) {
  auto input = std::make_unique<JobInput>(path, is_stopped);
  while (!is_whole_head(input->bytes()) && input->grow()) continue;
  check_head(input->bytes(), *input->name());
  if (input->bytes().starts_with(kByteOrderMark)) input->take(kByteOrderMark.size());
  JobDefaults defaults = {base, folder_of(*input)};
  switch (format ? *format : find_job_format(*input->name(), input->bytes())) {
    case JobFormat::kText: return read_text_jobs(std::move(input), std::move(defaults));
    case JobFormat::kJsonLines: return read_json_lines(std::move(input), std::move(defaults));
    case JobFormat::kJson: return read_json_jobs(std::move(input), std::move(defaults));
    case JobFormat::kCsv: return read_table_jobs(std::move(input), std::move(defaults), ',');
    case JobFormat::kTsv: return read_table_jobs(std::move(input), std::move(defaults), '\t');
  }
  return nullptr;
}

std::string hash_job_file(const std::string& path, const std::function<bool()>& is_stopped) {
  // A pipe must not be opened twice: its writer would lose its reader in between.
  std::error_code error;
  if (path == "-" || std::filesystem::is_other(path, error)) return "";
  JobInput input(path, is_stopped);
  if (!input.is_regular_file()) return "";
  Sha256 hash;
  while (input.grow()) {
    hash.add(input.bytes());
    input.take(input.bytes().size());
  }
  return hash.hex();
}

}  // namespace sd
