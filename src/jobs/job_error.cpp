#include "jobs/job_error.h"

#include <algorithm>

#include "core/check.h"
#include "jobs/job_keys.h"

namespace sd {
namespace {

constexpr std::string_view kDashes = "--";

/// A sentence in which keys stand for flags, and the place of the last key that the job gives.
struct Translation {
  std::string sentence;
  const JobPlace* place = nullptr;
};

const JobPlace* later(const JobPlace* a, const JobPlace* b) {
  if (!a || !b) return a ? a : b;
  return std::pair(a->line, a->column) < std::pair(b->line, b->column) ? b : a;
}

Translation translate(const Job& job, std::string_view sentence) {
  Translation made;
  while (!sentence.empty()) {
    const size_t begin = std::min(sentence.find(kDashes), sentence.size());
    made.sentence += sentence.substr(0, begin);
    sentence.remove_prefix(begin);
    if (sentence.empty()) break;
    sentence.remove_prefix(kDashes.size());
    const auto ends = [](char c) {
      return !(c == '-' || c == '_' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'));
    };
    const auto length =
        static_cast<size_t>(std::ranges::find_if(sentence, ends) - sentence.begin());
    const std::string_view word = sentence.substr(0, length);
    const auto key = find_job_key(word);
    made.sentence += key ? std::string(job_keys()[*key].name) : concat_text(kDashes, word);
    if (key) made.place = later(made.place, find_key(job, job_keys()[*key].name));
    sentence.remove_prefix(length);
  }
  return made;
}

}  // namespace

std::string describe_job_error(const Job& job, std::string_view sentence, std::string_view key) {
  const Translation made = translate(job, sentence);
  const JobPlace* place = made.place ? made.place : find_key(job, key);
  return concat_text(print_place(place ? *place : job.place), ": ", made.sentence);
}

}  // namespace sd
