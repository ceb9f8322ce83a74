#include "jobs/job.h"

#include <algorithm>

namespace sd {

std::string print_place(const JobPlace& place) {
  std::string text = place.file ? *place.file : "";
  for (const size_t number : {place.line, place.column}) {
    if (number > 0) text += ":" + std::to_string(number);
  }
  return text;
}

const JobPlace* find_key(const Job& job, std::string_view key) {
  const auto found = std::ranges::find(job.keys, key, &KeyPlace::key);
  return found == job.keys.end() ? nullptr : &found->place;
}

}  // namespace sd
