#include "jobs/table_jobs.h"

#include <algorithm>
#include <utility>

#include "jobs/record_reader.h"

namespace sd {
namespace {

class TableJobs : public JobSource {
 public:
  TableJobs(std::unique_ptr<JobInput> input, JobDefaults defaults, char separator)
      : input_(std::move(input)),
        records_(*input_, separator),
        defaults_(std::move(defaults)),
        separator_(separator) {}

  std::optional<Job> next() override {
    if (is_broken()) return std::nullopt;
    if (keys_.empty()) read_keys();
    while (records_.next()) {
      const auto is_empty = [](const Cell& cell) { return cell.text.empty(); };
      if (!std::ranges::all_of(records_.cells(), is_empty)) return read_record();
    }
    return std::nullopt;
  }

  bool is_broken() const override { return is_broken_ || records_.is_broken(); }

 private:
  void read_keys();
  Job read_record() const;

  std::unique_ptr<JobInput> input_;
  RecordReader records_;
  JobDefaults defaults_;
  char separator_;
  std::vector<std::string> keys_;
  bool is_broken_ = false;
};

/// Without all of its keys no record can be read.
void TableJobs::read_keys() {
  is_broken_ = true;
  if (records_.next()) {
    const JobText text = records_.text();
    JobBuilder check(text, defaults_);
    for (const Cell& cell : records_.cells()) {
      check.skip(cell.text, cell.offset);
      keys_.push_back(cell.text);
    }
  }
  is_broken_ = false;
}

Job TableJobs::read_record() const {
  const JobText text = records_.text();
  const std::vector<Cell>& cells = records_.cells();
  if (cells.size() != keys_.size()) {
    const bool is_long = cells.size() > keys_.size();
    text.fail_at(
        is_long ? cells[keys_.size()].offset : text.text.size(), "expected ", keys_.size(),
        keys_.size() == 1 ? " cell" : " cells", " as in the first line, found ", cells.size(),
        is_long && separator_ == ',' ? " (a cell with a comma in it stands in quotes)" : "");
  }
  JobBuilder job(text, defaults_);
  for (size_t i = 0; i < cells.size(); ++i) {
    if (!cells[i].text.empty())
      job.set(keys_[i], {ValueKind::kBare, cells[i].text}, cells[i].offset);
  }
  return job.finish();
}

}  // namespace

std::unique_ptr<JobSource> read_table_jobs(std::unique_ptr<JobInput> input, JobDefaults defaults,
                                           char separator) {
  return std::make_unique<TableJobs>(std::move(input), std::move(defaults), separator);
}

}  // namespace sd
