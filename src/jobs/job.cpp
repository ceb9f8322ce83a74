#include "jobs/job.h"

namespace sd {

std::string print_place(const JobPlace& place) {
  std::string text = place.file ? *place.file : "";
  for (const size_t number : {place.line, place.column}) {
    if (number > 0) text += ":" + std::to_string(number);
  }
  return text;
}

}  // namespace sd
