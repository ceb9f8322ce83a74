#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "jobs/shard.h"
#include "tests/support/errors.h"

namespace sd {

using Variables = std::map<std::string, std::string>;

inline Environment environment_of(Variables variables) {
  return [variables = std::move(variables)](const std::string& name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
  };
}

inline Variables operator+(Variables a, const Variables& b) {
  for (const auto& [name, value] : b) a[name] = value;
  return a;
}

inline FoundShard find(const Variables& variables, const std::string& option = "") {
  std::optional<ShardRequest> request;
  if (!option.empty()) request = parse_shard("--shard", option);
  return find_shard(request, environment_of(variables));
}

inline std::string error_of_shard(const Variables& variables, const std::string& option = "") {
  return error_of([&] { find(variables, option); }, ErrorKind::kUsage);
}

// What the launchers themselves set, as their programs were seen to (tests/launchers/run.sh), or as
// their manuals say.
inline Variables torchrun(int rank, int count, int local_count) {
  return {{"RANK", std::to_string(rank)},
          {"WORLD_SIZE", std::to_string(count)},
          {"LOCAL_RANK", std::to_string(rank % local_count)},
          {"LOCAL_WORLD_SIZE", std::to_string(local_count)},
          {"GROUP_RANK", std::to_string(rank / local_count)},
          {"GROUP_WORLD_SIZE", std::to_string(count / local_count)}};
}

inline Variables open_mpi(int rank, int count, int local_count) {
  return {{"OMPI_COMM_WORLD_RANK", std::to_string(rank)},
          {"OMPI_COMM_WORLD_SIZE", std::to_string(count)},
          {"OMPI_COMM_WORLD_LOCAL_RANK", std::to_string(rank % local_count)},
          {"OMPI_COMM_WORLD_LOCAL_SIZE", std::to_string(local_count)},
          {"PMIX_RANK", std::to_string(rank)}};
}

inline Variables hydra(int rank, int count, int local_count) {
  return {{"PMI_RANK", std::to_string(rank)},
          {"PMI_SIZE", std::to_string(count)},
          {"MPI_LOCALRANKID", std::to_string(rank % local_count)},
          {"MPI_LOCALNRANKS", std::to_string(local_count)}};
}

inline Variables slurm_batch(int tasks) {
  return {{"SLURM_JOB_ID", "17"},
          {"SLURM_PROCID", "0"},
          {"SLURM_LOCALID", "0"},
          {"SLURM_NTASKS", std::to_string(tasks)}};
}

inline Variables slurm_step(int rank, int count) {
  return {{"SLURM_JOB_ID", "17"},
          {"SLURM_STEP_ID", "0"},
          {"SLURM_PROCID", std::to_string(rank)},
          {"SLURM_LOCALID", std::to_string(rank)},
          {"SLURM_NTASKS", std::to_string(count)},
          {"SLURM_STEP_NUM_TASKS", std::to_string(count)}};
}

inline Variables slurm_array(int id, int first, int last, int step, int count) {
  return {{"SLURM_ARRAY_JOB_ID", "17"},
          {"SLURM_ARRAY_TASK_ID", std::to_string(id)},
          {"SLURM_ARRAY_TASK_MIN", std::to_string(first)},
          {"SLURM_ARRAY_TASK_MAX", std::to_string(last)},
          {"SLURM_ARRAY_TASK_STEP", std::to_string(step)},
          {"SLURM_ARRAY_TASK_COUNT", std::to_string(count)}};
}

inline Variables grid_engine(const std::string& id, int first, int last, int step) {
  return {{"SGE_TASK_ID", id},
          {"SGE_TASK_FIRST", std::to_string(first)},
          {"SGE_TASK_LAST", std::to_string(last)},
          {"SGE_TASK_STEPSIZE", std::to_string(step)}};
}

}  // namespace sd
