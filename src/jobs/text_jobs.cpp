#include "jobs/text_jobs.h"

#include <span>
#include <utility>

#include "jobs/line_reader.h"
#include "jobs/prompt_keys.h"
#include "jobs/switch_words.h"

namespace sd {
namespace {

class TextJobs : public JobSource {
 public:
  TextJobs(std::unique_ptr<JobInput> input, JobDefaults defaults)
      : input_(std::move(input)), lines_(*input_), defaults_(std::move(defaults)) {}

  std::optional<Job> next() override {
    while (const auto line = lines_.next()) {
      line->check_encoding();
      const std::string_view text = trim(line->text);
      if (!text.empty() && text[0] != '#') return read_line(*line);
    }
    return std::nullopt;
  }

 private:
  Job read_line(const JobText& line) const;

  std::unique_ptr<JobInput> input_;
  LineReader lines_;
  JobDefaults defaults_;
};

/// The switch that the words begin with, stored; returns how many words that were.
size_t read_switch(const JobText& line, std::span<const SwitchWord> words, JobBuilder& job) {
  const SwitchWord& first = words[0];
  if (!first.is_switch) {
    line.fail_at(first.offset, "expected a switch such as --steps, found '", quotable(first.text),
                 "' (a value of several words stands in quotes)");
  }
  const size_t equals = first.text.find('=');
  const std::string typed = first.text.substr(2, equals == first.text.npos ? equals : equals - 2);
  const auto key = find_job_key(typed);
  const std::string_view name = key ? job_keys()[*key].name : "";
  const bool takes_all = is_prompt_key(name);

  std::vector<std::string> values;
  if (equals != first.text.npos) values.push_back(first.text.substr(equals + 1));
  size_t used = 1;
  while (used < words.size() && !words[used].is_switch && (takes_all || values.empty())) {
    values.push_back(words[used++].text);
  }
  if (key && values.empty()) {
    line.fail_at(first.offset, "--", typed, " expects a value, found none");
  }
  std::string value;
  for (size_t i = 0; i < values.size(); ++i) value += (i > 0 ? " " : "") + values[i];
  job.set(typed, {ValueKind::kBare, value}, first.offset);
  return used;
}

Job TextJobs::read_line(const JobText& line) const {
  const size_t carriage = line.text.find('\r');
  if (carriage != line.text.npos) {
    line.fail_at(carriage,
                 "expected a line feed after this carriage return, found none (lines end with LF "
                 "or CR LF)");
  }
  JobBuilder job(line, defaults_);
  const size_t begin = find_switch(line.text);
  const std::string_view prompt = trim(line.text.substr(0, begin));
  if (!prompt.empty()) {
    job.set("prompt", {ValueKind::kBare, std::string(prompt)},
            static_cast<size_t>(prompt.data() - line.text.data()));
  }
  const std::vector<SwitchWord> words = split_words(line, begin);
  for (size_t at = 0; at < words.size();)
    at += read_switch(line, std::span(words).subspan(at), job);
  return job.finish();
}

}  // namespace

std::unique_ptr<JobSource> read_text_jobs(std::unique_ptr<JobInput> input, JobDefaults defaults) {
  return std::make_unique<TextJobs>(std::move(input), std::move(defaults));
}

}  // namespace sd
