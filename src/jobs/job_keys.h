#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/job.h"

namespace sd {

/// A key of a job: what --help says of it.
struct JobKey {
  std::string_view name;
  std::string_view help;
  std::string takes = {};                          ///< "a whole number from 1 to 1000"
  std::vector<std::string_view> other_names = {};  ///< as other programs call it
};

/// All keys of a job. In all names hyphen and underscore are one.
std::span<const JobKey> job_keys();

/// The index in job_keys of the key of that name or other name; nothing where there is none.
std::optional<size_t> find_job_key(std::string_view typed);

/// The same; throws kUsage where there is none, with the nearest name. What AUTOMATIC1111's web UI
/// has and sd has not is named as such.
size_t parse_job_key(std::string_view typed);

/// What a value was where it came from.
enum class ValueKind {
  kBare,     ///< text of a format without types: a number where the key takes one
  kText,     ///< a JSON string
  kNumber,   ///< a JSON number, as digits
  kBoolean,  ///< "true" or "false"
  kList,     ///< a JSON list of plain values, as it stands between its brackets; "none" if empty
  kOther,    ///< what no key takes; the text names it for a message: "an object"
};

struct JobValue {
  ValueKind kind = ValueKind::kBare;
  std::string text;
};

/// Stores a value under the key of that index. A seed of -1 takes the seed away (A1111 means by it
/// a random one); of rivals one takes the place of the other. `typed` names
/// the key in the message of the kUsage that a value throws which the key does not take.
void set_job_value(Job& job, size_t key, std::string_view typed, const JobValue& value);

/// The same for `--set key=value` and the axes of a grid. Errors: kUsage, also for the key. What
/// keys mean together is not checked; check_job does that.
void set_job_value(Job& job, std::string_view key, const std::string& text);

/// The same for a JSON value; null changes nothing.
void set_job_json(Job& job, std::string_view key, const nlohmann::json& value);

/// Whether both keys say the same thing, so that only one can be given: init_img and init_latents,
/// negative_prompt and negative_preset.
bool are_rivals(std::string_view a, std::string_view b);

/// Keys whose values cannot hold together.
struct JobConflict {
  std::vector<std::string_view> keys;
  std::string message;
};

/// Eta without the ddim sampler, a variance without ddpm, skip-layer guidance that ends before it
/// begins, or seeds that pass the largest; nothing where all is well.
std::optional<JobConflict> find_conflict(const Job& job);

/// Throws kUsage where there is a conflict.
void check_job(const Job& job);

/// Why the key says nothing, where it needs another one that the job lacks: "strength expects
/// init_img or init_latents beside it".
std::optional<std::string> why_idle(const Job& job, std::string_view key);

/// The job as a JSON object in one line: every key that says more than a job without it, strength
/// only where there is something to start from, what belongs to skip_layers where there are some.
/// Read again as a line of a job file it is the same
/// job. A path that is no UTF-8 is written with U+FFFD.
std::string print_job(const Job& job);

}  // namespace sd
