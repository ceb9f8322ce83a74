#include "jobs/launchers.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "sd/error.h"

#include "core/check.h"
#include "jobs/parse_value.h"

namespace sd {
namespace {

/// The variables by which a launcher is known; an empty name is one that it does not have.
struct Launcher {
  std::string_view name;
  LauncherKind kind;
  std::string_view index;
  std::string_view count = {};
  std::string_view local_rank = {};
  std::string_view local_count = {};  ///< ranks on this host
  /// Set only by this launcher, where the name of `index` is everybody's or is set outside, too.
  std::array<std::string_view, 2> marks = {};
  /// The IDs of an array are first, first + step, … last.
  std::string_view first = {};
  std::string_view last = {};
  std::string_view step = {};
  int64_t first_without_variable = 0;
  std::string_view no_array = {};  ///< the index of what is no task of an array
};

using enum LauncherKind;

/// Innermost first: what stands above may have been started by what stands below.
///
/// Slurm: the shell of sbatch has SLURM_PROCID=0 and, of the whole job, SLURM_NTASKS; so has the
/// interactive step of salloc. Only SLURM_STEP_ID shows a step, SLURM_STEP_NUM_TASKS counts its
/// tasks. PMI stands before it: mpiexec of MPICH and Intel MPI starts its helpers with srun; where
/// srun itself sets PMI_RANK both say the same.
/// PMIx tells no count; Open MPI's mpirun sets its rank, too.
/// Kubernetes, PBS and LSF tell no count. (LSB_JOBINDEX_END is no count: [3-10] and [1,5,9] end at
/// 10 and 9.)
constexpr auto kLaunchers = std::to_array<Launcher>({
    {.name = "torchrun",
     .kind = kAgents,
     .index = "RANK",
     .count = "WORLD_SIZE",
     .local_rank = "LOCAL_RANK",
     .local_count = "LOCAL_WORLD_SIZE",
     .marks = {"LOCAL_RANK", "GROUP_RANK"}},
    {.name = "Open MPI",
     .kind = kRanks,
     .index = "OMPI_COMM_WORLD_RANK",
     .count = "OMPI_COMM_WORLD_SIZE",
     .local_rank = "OMPI_COMM_WORLD_LOCAL_RANK",
     .local_count = "OMPI_COMM_WORLD_LOCAL_SIZE"},
    {.name = "PMI",
     .kind = kRanks,
     .index = "PMI_RANK",
     .count = "PMI_SIZE",
     .local_rank = "MPI_LOCALRANKID",
     .local_count = "MPI_LOCALNRANKS"},
    {.name = "the Slurm step",
     .kind = kRanks,
     .index = "SLURM_PROCID",
     .count = "SLURM_STEP_NUM_TASKS",
     .local_rank = "SLURM_LOCALID",
     .marks = {"SLURM_STEP_ID"}},
    {.name = "PMIx", .kind = kOnlyRanks, .index = "PMIX_RANK"},
    {.name = "the Slurm array",
     .kind = kJobArray,
     .index = "SLURM_ARRAY_TASK_ID",
     .count = "SLURM_ARRAY_TASK_COUNT",
     .first = "SLURM_ARRAY_TASK_MIN",
     .last = "SLURM_ARRAY_TASK_MAX",
     .step = "SLURM_ARRAY_TASK_STEP"},
    {.name = "the Grid Engine array",
     .kind = kJobArray,
     .index = "SGE_TASK_ID",
     .first = "SGE_TASK_FIRST",
     .last = "SGE_TASK_LAST",
     .step = "SGE_TASK_STEPSIZE",
     .first_without_variable = 1,
     .no_array = "undefined"},
    {.name = "the PBS array", .kind = kJobArray, .index = "PBS_ARRAY_INDEX"},
    {.name = "the Torque array", .kind = kJobArray, .index = "PBS_ARRAYID"},
    {.name = "the LSF array",
     .kind = kJobArray,
     .index = "LSB_JOBINDEX",
     .first_without_variable = 1,
     .no_array = "0"},
    {.name = "the AWS Batch array",
     .kind = kPods,
     .index = "AWS_BATCH_JOB_ARRAY_INDEX",
     .count = "AWS_BATCH_JOB_ARRAY_SIZE"},
    {.name = "Google Cloud Batch",
     .kind = kPods,
     .index = "BATCH_TASK_INDEX",
     .count = "BATCH_TASK_COUNT"},
    {.name = "Cloud Run",
     .kind = kPods,
     .index = "CLOUD_RUN_TASK_INDEX",
     .count = "CLOUD_RUN_TASK_COUNT"},
    {.name = "Kubernetes", .kind = kPods, .index = "JOB_COMPLETION_INDEX"},
});

constexpr int64_t kLargestId = int64_t{1} << 40;

/// The variables of one launcher in one environment.
class Variables {
 public:
  Variables(const Launcher& launcher, const Environment& environment)
      : launcher_(launcher), environment_(environment) {}

  std::optional<std::string> text(std::string_view variable) const {
    if (variable.empty()) return std::nullopt;
    auto text = environment_(std::string(variable));
    return text && text->empty() ? std::nullopt : text;
  }

  /// Throws kUsage where it is set, and no whole number from `low` to `high`.
  std::optional<int64_t> number(std::string_view variable, int64_t low, int64_t high,
                                const std::string& because = "") const {
    const auto found = text(variable);
    if (!found) return std::nullopt;
    return parse_integer(concat_text(variable, " of ", launcher_.name, because), *found, low, high);
  }

  /// Whether the launcher started this process.
  bool are_there() const {
    const auto index = text(launcher_.index);
    return index && *index != launcher_.no_array &&
           std::ranges::all_of(launcher_.marks, [&](std::string_view mark) {
             return mark.empty() || text(mark).has_value();
           });
  }

 private:
  const Launcher& launcher_;
  const Environment& environment_;
};

/// The IDs of an array's tasks, or of ranks: first, first + step, …
struct Ids {
  int64_t first;
  int64_t step;
  std::optional<int64_t> count = {};
};

/// Throws kUsage where the IDs leave gaps, as those of --array=1,3,7-9 do: nothing tells which ones
/// are there, so none can be given its share.
Ids read_ids(const Launcher& launcher, const Variables& variables) {
  Ids ids{
      .first =
          variables.number(launcher.first, 0, kLargestId).value_or(launcher.first_without_variable),
      .step = variables.number(launcher.step, 1, kLargestId).value_or(1),
      .count = variables.number(launcher.count, 1, kMostShards)};
  const auto last = variables.number(launcher.last, ids.first, kLargestId);
  if (last && launcher.count.empty()) ids.count = (*last - ids.first) / ids.step + 1;
  if (!last || !ids.count) return ids;
  SD_CHECK(*ids.count <= kMostShards, ErrorKind::kUsage, launcher.last, " of ", launcher.name,
           " expects at most ", kMostShards, " tasks, found ", *ids.count);
  const int64_t beyond = *last - ids.first - (*ids.count - 1) * ids.step;
  SD_CHECK(beyond >= 0 && beyond < ids.step, ErrorKind::kUsage, launcher.name,
           " expects IDs without gaps, as 0-", *ids.count - 1, ", found ", *ids.count, " between ",
           ids.first, " and ", *last, " (", launcher.count,
           "); number them so, or give --shard INDEX/", *ids.count, " to each task");
  return ids;
}

/// Throws kUsage.
void read_numbers(const Launcher& launcher, const Variables& variables, LauncherRank& rank) {
  const Ids ids = read_ids(launcher, variables);
  const int64_t last = ids.count ? ids.first + (*ids.count - 1) * ids.step : kLargestId;
  const std::string because =
      rank.count_variable.empty()
          ? ""
          : concat_text(" (", rank.count_variable, " is ", ids.count.value_or(0), ")");
  const int64_t id = *variables.number(launcher.index, ids.first, last, because);
  SD_CHECK((id - ids.first) % ids.step == 0, ErrorKind::kUsage, launcher.index, " of ",
           launcher.name, " expects an ID from ", ids.first, " in steps of ", ids.step, ", found ",
           id);
  rank.index = (id - ids.first) / ids.step;
  rank.count = ids.count;
  rank.on_one_host =
      ids.count && variables.number(launcher.local_count, 1, kMostShards) == ids.count;
}

LauncherRank read_launcher(const Launcher& launcher, const Variables& variables) {
  LauncherRank rank{.name = launcher.name,
                    .kind = launcher.kind,
                    .index_variable = launcher.index,
                    .count_variable = std::string(
                        variables.text(launcher.count) ? launcher.count : std::string_view())};
  try {
    read_numbers(launcher, variables, rank);
  } catch (const Error& error) {
    rank.error = error.what();
  }
  return rank;
}

}  // namespace

std::optional<std::string> process_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

std::vector<LauncherRank> read_launchers(const Environment& environment) {
  std::vector<LauncherRank> ranks;
  for (const Launcher& launcher : kLaunchers) {
    const Variables variables(launcher, environment);
    if (variables.are_there()) ranks.push_back(read_launcher(launcher, variables));
  }
  return ranks;
}

std::optional<int64_t> find_local_rank(const Environment& environment) {
  for (const Launcher& launcher : kLaunchers) {
    const Variables variables(launcher, environment);
    if (!variables.are_there()) continue;
    if (const auto rank = variables.number(launcher.local_rank, 0, kMostShards)) return rank;
  }
  return std::nullopt;
}

}  // namespace sd
