#include "jobs/picture_job.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "core/check.h"
#include "io/foreign_parameters.h"
#include "io/picture_metadata.h"
#include "io/read_picture.h"
#include "jobs/job_keys.h"
#include "jobs/job_text.h"
#include "jobs/picture_fields.h"
#include "jobs/picture_parameters.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 2> kStartKeys = {"init_img", "init_latents"};

bool is_start(std::string_view key) {
  return std::ranges::find(kStartKeys, key) != kStartKeys.end();
}

/// The file that a picture started from, whose parameters have its name without a folder.
std::string find_start(const std::string& picture, const PictureValue& start) {
  const fs::path name = fs::path(start.value).filename();
  const fs::path beside = fs::path(picture).parent_path() / name;
  for (const fs::path& path : {beside, name}) {
    std::error_code error;
    if (fs::is_regular_file(path, error)) return path.string();
  }
  fail(ErrorKind::kUsage, start.field, ": there is no file '", quotable(name.string()),
       "' beside the picture or in the current folder (sd replay --set ", start.key,
       "=PATH says where it is)");
}

void check_is_one_picture(const FoundParameters& found) {
  SD_CHECK(found.source != ParameterSource::kNone, ErrorKind::kUsage,
           "expected the parameters it was painted with, found none in the file");
  SD_CHECK(found.warning.empty(), ErrorKind::kUsage, found.warning);
  SD_CHECK(!is_contact_sheet(found.text), ErrorKind::kUsage,
           "expected a single picture, found a contact sheet of several");
}

/// Job values as a picture's parameters and the changes say them.
class Reader {
 public:
  Reader(const std::string& path, const FoundParameters& found, std::span<const JobChange> changes)
      : path_(path), found_(found), changes_(changes) {
    for (const JobChange& change : changes) {
      changed_.push_back(change.key);
      // One of them takes the place of the other.
      if (is_start(change.key))
        changed_.insert(changed_.end(), kStartKeys.begin(), kStartKeys.end());
    }
  }

  void read(PictureJob& made) {
    check_is_one_picture(found_);
    check_changes();
    read_prompts(made.job.request);
    if (found_.source == ParameterSource::kSd) {
      made.variant = "";
      made.vae_tiling = false;
    }
    for (const PictureValue& value : picture_values(found_.text, changed_)) take(made, value);
    for (const JobChange& change : changes_) set_job_value(made.job, change.key, change.value);
    check_start(made.job);
    check_job(made.job);
    for (const JobChange& change : changes_) {
      const auto reason = why_idle(made.job, change.key);
      SD_CHECK(!reason, ErrorKind::kUsage, reason.value_or(""));
    }
  }

 private:
  bool is_changed(std::string_view key) const {
    return std::ranges::find(changed_, key) != changed_.end();
  }

  void check_changes() const {
    for (const JobChange& change : changes_) {
      for (const JobChange& other : changes_) {
        SD_CHECK(!are_rivals(change.key, other.key), ErrorKind::kUsage, change.key, " and ",
                 other.key, " cannot stand together");
      }
    }
  }

  void read_prompts(Request& request) const {
    SD_CHECK(found_.text.field("Left out") != "prompts" || is_changed("prompt"), ErrorKind::kUsage,
             "its parameters hold no prompts, which were too long for its format (sd replay --set "
             "prompt=TEXT gives one)");
    request.prompt = found_.text.prompt;
    request.negative_prompt = found_.text.negative_prompt;
  }

  void take(PictureJob& made, const PictureValue& value) const {
    if (value.key == "variant") {
      made.variant = value.value;
    } else if (value.key == "device") {
      made.device = value.value;
    } else if (value.key == "dtype") {
      made.dtype = value.value;
    } else if (value.key == "vae_tiling") {
      made.vae_tiling = true;
    } else if (value.key == "no_t5") {
      made.t5 = kNoT5;
    } else if (value.key == "t5_dtype") {
      made.t5 = value.value;
    } else {
      const std::string text = is_start(value.key) ? find_start(path_, value) : value.value;
      set_job_value(made.job, parse_job_key(value.key), value.field, {ValueKind::kBare, text});
    }
  }

  /// A picture that sd painted from another one names it, those of other programs do not.
  void check_start(const Job& job) const {
    SD_CHECK(!has_start(found_.text) || !job.init_image.empty() || !job.init_latents.empty(),
             ErrorKind::kUsage,
             "it was painted from another picture, which its parameters do not name (sd replay "
             "--set init_img=PATH does)");
  }

  const std::string& path_;
  const FoundParameters& found_;
  std::span<const JobChange> changes_;
  std::vector<std::string_view> changed_;
};

}  // namespace

JobChange parse_job_change(std::string_view flag, std::string_view text) {
  const size_t sign = text.find('=');
  SD_CHECK(sign != text.npos, ErrorKind::kUsage, flag,
           " expects a key and its value, such as steps=30, found '", quotable(text), "'");
  const std::string_view typed = trim(text.substr(0, sign));
  JobChange change = {"", std::string(text.substr(sign + 1))};
  try {
    const size_t key = parse_job_key(typed);
    change.key = job_keys()[key].name;
    Job job;
    set_job_value(job, key, typed, {ValueKind::kBare, change.value});
  } catch (const Error& error) {
    fail(error.kind(), flag, ": ", error.what());
  }
  return change;
}

PictureJob read_picture_job(const std::string& path, const Job& base,
                            std::span<const JobChange> changes,
                            const std::function<bool()>& is_stopped) {
  PictureJob made;
  made.job = base;
  made.job.place = {std::make_shared<const std::string>(path), 0, 0};
  SD_CHECK(!is_stopped(), ErrorKind::kInterrupted, "stopped");
  try {
    const auto bytes = read_input_file(path, is_stopped);
    const FoundParameters found = find_parameters(read_picture_metadata(bytes, path));
    Reader(path, found, changes).read(made);
    made.unequalled = unequalled_fields(found);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kInterrupted) throw;
    const std::string_view what = error.what();
    const bool is_named = error.kind() == ErrorKind::kInput;
    fail(ErrorKind::kUsage, is_named ? "" : path + ": ", what);
  }
  return made;
}

bool begins_picture(std::string_view head) {
  const bool is_webp = head.starts_with("RIFF") && head.substr(0, 12).ends_with("WEBP");
  return head.starts_with("\x89PNG") || head.starts_with("\xff\xd8\xff") || is_webp;
}

}  // namespace sd
