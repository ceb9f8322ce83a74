#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

namespace sd {

/// How a job file is written.
enum class JobFormat { kText, kJsonLines, kJson, kCsv, kTsv };

inline constexpr std::array<std::pair<std::string_view, JobFormat>, 5> kJobFormatNames = {{
    {"txt", JobFormat::kText},
    {"jsonl", JobFormat::kJsonLines},
    {"json", JobFormat::kJson},
    {"csv", JobFormat::kCsv},
    {"tsv", JobFormat::kTsv},
}};

/// Bytes of a job file that are enough to tell its format, if it has a line as long.
inline constexpr size_t kJobHead = size_t{1} << 16;

/// Whether the beginning of a job file is enough to tell its format: a whole line that is not
/// blank, or kJobHead bytes.
bool is_whole_head(std::string_view head);

/// The format of the job file whose first lines are `head`, without a byte order mark. Content
/// comes before the extension of the name, where it can be nothing else:
///
/// 1. The first line that is not blank begins an object with a key, `{"prompt":` say, or a list of
///    such, or is a brace or bracket alone, or an empty object or list: JSON. It is JSON lines if
///    the file is not named .json and that line is a whole object, or so long that its end is not
///    in sight. A prompt such as `{a|b}` or `[x:y]` is none of these.
/// 2. The name ends in .jsonl, .ndjson, .json, .csv, .tsv or .tab: that format. In a .csv whose
///    first line has tabs and no commas the cells are parted by tabs, and the other way round.
/// 3. The name ends in .txt: text.
/// 4. The first line has cells parted by tabs or commas that are keys of a job, prompt or two
///    others at the least: TSV or CSV.
/// 5. Text.
JobFormat find_job_format(std::string_view name, std::string_view head);

}  // namespace sd
