#include "jobs/json_jobs.h"

#include <utility>

#include "jobs/json_elements.h"
#include "jobs/json_object.h"
#include "jobs/line_reader.h"

namespace sd {
namespace {

class JsonLines : public JobSource {
 public:
  JsonLines(std::unique_ptr<JobInput> input, JobDefaults defaults)
      : input_(std::move(input)), lines_(*input_), defaults_(std::move(defaults)) {}

  std::optional<Job> next() override {
    while (const auto line = lines_.next()) {
      if (!trim(line->text).empty()) return read_json_object(*line, defaults_);
    }
    return std::nullopt;
  }

 private:
  std::unique_ptr<JobInput> input_;
  LineReader lines_;
  JobDefaults defaults_;
};

class JsonJobs : public JobSource {
 public:
  JsonJobs(std::unique_ptr<JobInput> input, JobDefaults defaults)
      : input_(std::move(input)), elements_(*input_), defaults_(std::move(defaults)) {}

  std::optional<Job> next() override {
    const auto element = elements_.next();
    return element ? std::optional(read_json_object(*element, defaults_)) : std::nullopt;
  }

  bool is_broken() const override { return elements_.is_broken(); }

 private:
  std::unique_ptr<JobInput> input_;
  JsonElements elements_;
  JobDefaults defaults_;
};

}  // namespace

std::unique_ptr<JobSource> read_json_lines(std::unique_ptr<JobInput> input, JobDefaults defaults) {
  return std::make_unique<JsonLines>(std::move(input), std::move(defaults));
}

std::unique_ptr<JobSource> read_json_jobs(std::unique_ptr<JobInput> input, JobDefaults defaults) {
  return std::make_unique<JsonJobs>(std::move(input), std::move(defaults));
}

}  // namespace sd
