#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sd {

/// The value of a variable of the environment, nothing where it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// The environment of this process.
std::optional<std::string> process_environment(const std::string& name);

/// No count of shards or ranks is larger.
inline constexpr int64_t kMostShards = 1'000'000;

/// How a launcher starts processes, which says whose numbers count them all.
enum class LauncherKind {
  kAgents,     ///< ranks; those of several agents may be in different tasks of any other launcher
  kRanks,      ///< ranks of one job of the scheduler
  kOnlyRanks,  ///< ranks, looked at where no other launcher of ranks is there
  kJobArray,   ///< tasks of an array; each is a job of its own, no ranks are shared among them
  kPods,       ///< tasks of an array that may be the hosts of ranks
};

/// What one launcher told a process about its place.
struct LauncherRank {
  std::string_view name;  ///< "torchrun"
  LauncherKind kind;
  std::string_view index_variable;  ///< "RANK"
  std::string count_variable = {};  ///< "WORLD_SIZE"; empty: it has none, or none is set
  int64_t index = 0;                ///< from 0, whatever the launcher counts from
  std::optional<int64_t> count = {};
  bool on_one_host = false;  ///< all ranks were started by one process of this host
  std::string error = {};    ///< why the numbers cannot be used; empty: they can
};

/// All launchers whose variables are set, the innermost first. An empty variable is not set.
std::vector<LauncherRank> read_launchers(const Environment& environment);

/// The number of this process among those on its host, from 0, as the innermost launcher of ranks
/// tells it: for choosing a GPU. Nothing where none does. Throws kUsage where it is no number.
std::optional<int64_t> find_local_rank(const Environment& environment);

}  // namespace sd
