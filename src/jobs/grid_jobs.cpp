#include "jobs/grid_jobs.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <string_view>

#include "core/check.h"
#include "jobs/job_keys.h"
#include "jobs/job_text.h"
#include "jobs/request_limits.h"

namespace sd {
namespace {

bool is_search(const GridAxis& axis) { return axis.key == kPromptSearchKey; }

class GridJobs : public JobSource {
 public:
  GridJobs(Job base, std::vector<GridAxis> axes)
      : base_(std::move(base)), axes_(std::move(axes)), end_(count_grid_pictures(axes_)) {}

  std::optional<Job> next() override {
    if (at_ == end_) return std::nullopt;
    const std::vector<size_t> cell = cell_of(static_cast<size_t>(at_++));
    Job job = base_;
    job.place = {std::make_shared<const std::string>(name(cell)), 0, 0};
    try {
      for (const bool searches : {false, true}) {
        for (size_t i = 0; i < axes_.size(); ++i) {
          if (is_search(axes_[i]) == searches) set_axis_value(job, axes_[i], cell[i]);
        }
      }
      check_job(job);
      for (const GridAxis& axis : axes_) {
        const auto reason = why_idle(job, axis.key);
        SD_CHECK(!reason, ErrorKind::kUsage, reason.value_or(""));
      }
    } catch (const Error& error) {
      fail(error.kind(), print_place(job.place), ": ", error.what());
    }
    return job;
  }

 private:
  /// Which value of each axis the picture of that number has.
  std::vector<size_t> cell_of(size_t number) const {
    std::vector<size_t> cell;
    for (const GridAxis& axis : axes_) {
      cell.push_back(number % axis.values.size());
      number /= axis.values.size();
    }
    return cell;
  }

  std::string name(const std::vector<size_t>& cell) const {
    constexpr size_t kLongest = 30;
    std::string text;
    for (size_t i = 0; i < axes_.size(); ++i) {
      const GridAxis& axis = axes_[i];
      text += concat_text(i > 0 ? ", " : "", axis.flag, " ", axis.key, "=",
                          quotable(axis.values[cell[i]], kLongest));
    }
    return text;
  }

  Job base_;
  std::vector<GridAxis> axes_;
  int64_t end_;
  int64_t at_ = 0;
};

/// What A1111 calls the axis of a key.
std::string axis_type(const GridAxis& axis) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kTypes = {{
      {"steps", "Steps"},
      {"scale", "CFG Scale"},
      {"seed", "Seed"},
      {"sampler", "Sampler"},
      {"sigmas", "Schedule type"},
      {"model", "Checkpoint name"},
      {"strength", "Denoising"},
      {"clip_skip", "Clip skip"},
      {"eta", "Eta"},
      {"width", "Width"},
      {"height", "Height"},
      {"prompt", "Prompt"},
      {"negative_prompt", "Negative prompt"},
      {kPromptSearchKey, "Prompt S/R"},
  }};
  const auto* row =
      std::ranges::find(kTypes, axis.key, [](const auto& type) { return type.first; });
  if (row != kTypes.end()) return std::string(row->second);
  std::string type = axis.key;
  std::ranges::replace(type, '_', ' ');
  return type;
}

/// A value as --x takes it.
std::string quoted(const std::string& value) {
  if (!value.empty() && value.find_first_of(",\"") == value.npos && trim(value) == value) {
    return value;
  }
  std::string text = "\"";
  for (const char c : value) text += c == '"' ? "\"\"" : std::string(1, c);
  return text + '"';
}

}  // namespace

int64_t count_grid_pictures(std::span<const GridAxis> axes) {
  const auto are_alike = [](const GridAxis& a, const GridAxis& b) {
    return (a.key == b.key && !is_search(a)) || are_rivals(a.key, b.key);
  };
  int64_t pictures = 1;
  for (size_t i = 0; i < axes.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      SD_CHECK(!are_alike(axes[i], axes[j]), ErrorKind::kUsage, axes[j].flag, " and ", axes[i].flag,
               " expect different keys, found ", axes[j].key, " and ", axes[i].key);
    }
    pictures *= std::ssize(axes[i].values);  // three axes of a thousand values at the most
  }
  SD_CHECK(pictures <= kMaxImages, ErrorKind::kUsage, "the grid would have ", pictures,
           " pictures, expected at most ", kMaxImages);
  return pictures;
}

std::unique_ptr<JobSource> make_grid_jobs(Job base, std::vector<GridAxis> axes) {
  return std::make_unique<GridJobs>(std::move(base), std::move(axes));
}

std::vector<std::pair<std::string, std::string>> axis_fields(std::span<const GridAxis> axes) {
  std::vector<std::pair<std::string, std::string>> fields;
  for (const GridAxis& axis : axes) {
    const auto letter =
        static_cast<char>(std::toupper(static_cast<unsigned char>(axis.flag.back())));
    std::string values;
    for (const std::string& value : axis.values) {
      values += (values.empty() ? "" : ", ") + quoted(value);
    }
    fields.emplace_back(std::string(1, letter) + " Type", axis_type(axis));
    fields.emplace_back(std::string(1, letter) + " Values", std::move(values));
  }
  return fields;
}

}  // namespace sd
