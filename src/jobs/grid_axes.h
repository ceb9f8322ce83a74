#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/job.h"

namespace sd {

inline constexpr size_t kMaxAxisValues = 1000;

/// The key of an axis that no job has: its first value is searched for in the prompts, and each
/// value takes its place.
inline constexpr std::string_view kPromptSearchKey = "prompt_sr";

/// What changes along one side of a grid.
struct GridAxis {
  std::string flag;                 ///< that asked for it, for messages: "--x"
  std::string key;                  ///< of a job, by its own name, or kPromptSearchKey
  std::vector<std::string> values;  ///< as set_job_value takes them; no two are equal
};

/// Reads the value of --x, --y or --z: "steps=10,20,30", a key of a job and values for it. Values
/// are separated by commas, in quotes where they hold any ("a, b",c; two quotes are one); white
/// space around them is dropped, but not that in the quotes. Where the key takes numbers a value
/// may be a range, in which both ends belong to it:
///
///   3:9:2          from 3 to 9 by 2; by 1 where no step is given
///   1-5            the same as 1:5
///   1-10 (+2)      the same as 1:10:2
///   1-10 [5]       five numbers at equal distances; whole ones, rounded towards 0, where the key
///                  takes such
///
/// "prompt=" sets whole prompts, "prompt_sr=red,green,blue" puts each value in the place of red.
///
/// Errors: kUsage naming the flag and the value, for an unknown key, one that is no axis, a value
/// that the key does not take, an empty one but among texts, two that are equal, more than
/// kMaxAxisValues, a range that is no plain numbers, has a step of 0 or leads away from its end.
GridAxis parse_axis(std::string_view flag, std::string_view text);

/// Gives the job the value of that index. Errors: kUsage, where the text that is searched for is in
/// none of the job's prompts.
void set_axis_value(Job& job, const GridAxis& axis, size_t index);

/// What a contact sheet says of it: "steps: 10", "model: NAME" without the folder; of a prompt the
/// value alone.
std::string axis_label(const GridAxis& axis, size_t index);

}  // namespace sd
