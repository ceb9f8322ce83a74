#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/launchers.h"

namespace sd {

/// A process's share of a run: the images whose index leaves `index` when divided by `count`. All
/// shards together have each image once, whatever the number of images.
struct Shard {
  int64_t index = 0;  ///< from 0 to count - 1
  int64_t count = 1;

  bool has(int64_t image_index) const { return image_index % count == index; }
  bool operator==(const Shard&) const = default;
};

/// What --shard or SD_SHARD asks for.
struct ShardRequest {
  std::optional<int64_t> index;  ///< nothing: from the environment
  int64_t count = 1;
};

/// Reads "2/8" (the index from 0) or "*/8". Anything else is a kUsage that names `flag`.
ShardRequest parse_shard(std::string_view flag, std::string_view text);

/// The shard of this process and where it was read.
struct FoundShard {
  Shard shard;
  std::string words;  ///< "shard 2 of 8, of torchrun's RANK and WORLD_SIZE"; empty: of nothing
  std::vector<std::string> warnings = {};  ///< one sentence each: who says something else
};

/// The shard of this process: `option` (of --shard), else SD_SHARD, both as parse_shard reads them,
/// else what launchers say. Without any of them it is shard 0 of 1.
///
/// The innermost launcher says the shard, and others that disagree are named in a warning. But
/// where ranks are surely those of one task of what is outside, both count: rank r of R in task t
/// of T is shard t*R + r of T*R. That is so for ranks of one scheduler's job in a job array (srun
/// or mpirun in sbatch --array), for the ranks of one agent of torchrun (--standalone) in whatever,
/// and for those of MPI on one host in a task of a cloud's array.
///
/// Some launchers tell no count (LauncherRank): it comes from "*/8", or from SD_SHARD_COUNT=8,
/// which always count all shards of the run.
///
/// Throws kUsage, which names the variable, what was expected and found: no number, a rank outside
/// its count, a rank without a count, a count of 0, a count other than the one asked for, an array
/// whose IDs leave gaps; "*/8" or SD_SHARD_COUNT without a launcher.
///
/// Not noticed: a job that sbatch started from within an srun of several tasks inherits that step's
/// variables. `words` shows it.
FoundShard find_shard(const std::optional<ShardRequest>& option, const Environment& environment);

}  // namespace sd
