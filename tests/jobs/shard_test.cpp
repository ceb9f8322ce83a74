#include "jobs/shard.h"

#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <vector>

#include "tests/support/errors.h"

namespace sd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Variables = std::map<std::string, std::string>;

Environment environment_of(Variables variables) {
  return [variables = std::move(variables)](const std::string& name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
  };
}

Variables operator+(Variables a, const Variables& b) {
  for (const auto& [name, value] : b) a[name] = value;
  return a;
}

FoundShard find(const Variables& variables, const std::string& option = "") {
  std::optional<ShardRequest> request;
  if (!option.empty()) request = parse_shard("--shard", option);
  return find_shard(request, environment_of(variables));
}

std::string error_of_shard(const Variables& variables, const std::string& option = "") {
  return error_of([&] { find(variables, option); }, ErrorKind::kUsage);
}

// What the launchers themselves set, as their programs were seen to (tests/launchers/run.sh), or as
// their manuals say.
Variables torchrun(int rank, int count, int local_count) {
  return {{"RANK", std::to_string(rank)},
          {"WORLD_SIZE", std::to_string(count)},
          {"LOCAL_RANK", std::to_string(rank % local_count)},
          {"LOCAL_WORLD_SIZE", std::to_string(local_count)},
          {"GROUP_RANK", std::to_string(rank / local_count)},
          {"GROUP_WORLD_SIZE", std::to_string(count / local_count)}};
}

Variables open_mpi(int rank, int count, int local_count) {
  return {{"OMPI_COMM_WORLD_RANK", std::to_string(rank)},
          {"OMPI_COMM_WORLD_SIZE", std::to_string(count)},
          {"OMPI_COMM_WORLD_LOCAL_RANK", std::to_string(rank % local_count)},
          {"OMPI_COMM_WORLD_LOCAL_SIZE", std::to_string(local_count)},
          {"PMIX_RANK", std::to_string(rank)}};
}

Variables hydra(int rank, int count, int local_count) {
  return {{"PMI_RANK", std::to_string(rank)},
          {"PMI_SIZE", std::to_string(count)},
          {"MPI_LOCALRANKID", std::to_string(rank % local_count)},
          {"MPI_LOCALNRANKS", std::to_string(local_count)}};
}

Variables slurm_batch(int tasks) {
  return {{"SLURM_JOB_ID", "17"},
          {"SLURM_PROCID", "0"},
          {"SLURM_LOCALID", "0"},
          {"SLURM_NTASKS", std::to_string(tasks)}};
}

Variables slurm_step(int rank, int count) {
  return {{"SLURM_JOB_ID", "17"},
          {"SLURM_STEP_ID", "0"},
          {"SLURM_PROCID", std::to_string(rank)},
          {"SLURM_LOCALID", std::to_string(rank)},
          {"SLURM_NTASKS", std::to_string(count)},
          {"SLURM_STEP_NUM_TASKS", std::to_string(count)}};
}

Variables slurm_array(int id, int first, int last, int step, int count) {
  return {{"SLURM_ARRAY_JOB_ID", "17"},
          {"SLURM_ARRAY_TASK_ID", std::to_string(id)},
          {"SLURM_ARRAY_TASK_MIN", std::to_string(first)},
          {"SLURM_ARRAY_TASK_MAX", std::to_string(last)},
          {"SLURM_ARRAY_TASK_STEP", std::to_string(step)},
          {"SLURM_ARRAY_TASK_COUNT", std::to_string(count)}};
}

Variables grid_engine(const std::string& id, int first, int last, int step) {
  return {{"SGE_TASK_ID", id},
          {"SGE_TASK_FIRST", std::to_string(first)},
          {"SGE_TASK_LAST", std::to_string(last)},
          {"SGE_TASK_STEPSIZE", std::to_string(step)}};
}

TEST(ParseShard, ReadsIndexAndCount) {
  const ShardRequest request = parse_shard("--shard", "2/8");
  EXPECT_EQ(request.index, 2);
  EXPECT_EQ(request.count, 8);
}

TEST(ParseShard, LeavesAStarToTheEnvironment) {
  const ShardRequest request = parse_shard("--shard", "*/8");
  EXPECT_FALSE(request.index);
  EXPECT_EQ(request.count, 8);
}

TEST(ParseShard, RefusesWhatIsNoShard) {
  const std::map<std::string, std::string> errors = {
      {"8/8", "the index of --shard expects a whole number from 0 to 7, found '8'"},
      {"-1/8", "the index of --shard expects a whole number from 0 to 7, found '-1'"},
      {"x/8", "the index of --shard expects a whole number from 0 to 7, found 'x'"},
      {"/8", "the index of --shard expects a whole number from 0 to 7, found ''"},
      {"0/0", "the count of --shard expects a whole number from 1 to 1000000, found '0'"},
      {"0/", "the count of --shard expects a whole number from 1 to 1000000, found ''"},
      {"1/2/3", "the count of --shard expects a whole number from 1 to 1000000, found '2/3'"},
      {"*/1000001",
       "the count of --shard expects a whole number from 1 to 1000000, found '1000001'"},
      {"3", "--shard expects INDEX/COUNT with the index from 0, as 2/8, or */COUNT, found '3'"},
      {"", "--shard expects INDEX/COUNT with the index from 0, as 2/8, or */COUNT, found ''"}};
  for (const auto& [text, message] : errors) {
    EXPECT_EQ(error_of([&] { parse_shard("--shard", text); }, ErrorKind::kUsage), message);
  }
}

TEST(Shard, TogetherHaveEachImageOnce) {
  for (int64_t count = 1; count <= 17; ++count) {
    for (int64_t image = 0; image < 100; ++image) {
      int64_t owners = 0;
      for (int64_t index = 0; index < count; ++index) {
        owners += Shard{.index = index, .count = count}.has(image) ? 1 : 0;
      }
      EXPECT_EQ(owners, 1) << image << " of " << count;
    }
  }
}

TEST(Shard, DifferInSizeByOneAtMost) {
  int64_t least = 100;
  int64_t most = 0;
  for (int64_t index = 0; index < 7; ++index) {
    int64_t images = 0;
    for (int64_t image = 0; image < 100; ++image) images += Shard{index, 7}.has(image) ? 1 : 0;
    least = std::min(least, images);
    most = std::max(most, images);
  }
  EXPECT_EQ(least, 14);
  EXPECT_EQ(most, 15);
}

struct Case {
  std::string name;
  Variables variables;
  std::string option;
  Shard shard;
  std::string words;
};

TEST(FindShard, KnowsEachLauncher) {
  const std::vector<Case> cases = {
      {"torchrun", torchrun(2, 8, 4), "", {2, 8}, "torchrun's RANK and WORLD_SIZE"},
      {"Open MPI",
       open_mpi(1, 3, 3),
       "",
       {1, 3},
       "Open MPI's OMPI_COMM_WORLD_RANK and OMPI_COMM_WORLD_SIZE"},
      {"MPICH", hydra(1, 3, 3), "", {1, 3}, "PMI's PMI_RANK and PMI_SIZE"},
      {"Slurm step",
       slurm_step(1, 2),
       "",
       {1, 2},
       "the Slurm step's SLURM_PROCID and SLURM_STEP_NUM_TASKS"},
      {"PMIx", {{"PMIX_RANK", "1"}}, "*/3", {1, 3}, "PMIx's PMIX_RANK and --shard"},
      {"Slurm array",
       slurm_array(2, 0, 3, 1, 4) + slurm_batch(4),
       "",
       {2, 4},
       "the Slurm array's SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT"},
      {"Slurm array from 5 in steps of 10",
       slurm_array(25, 5, 35, 10, 4),
       "",
       {2, 4},
       "the Slurm array's SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT"},
      {"Slurm array of one",
       slurm_array(5, 5, 5, 1, 1),
       "",
       {0, 1},
       "the Slurm array's SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT"},
      {"Grid Engine", grid_engine("3", 1, 8, 1), "", {2, 8}, "the Grid Engine array's SGE_TASK_ID"},
      {"Grid Engine in steps",
       grid_engine("7", 1, 10, 3),
       "",
       {2, 4},
       "the Grid Engine array's SGE_TASK_ID"},
      {"PBS",
       {{"PBS_ARRAY_INDEX", "3"}},
       "*/4",
       {3, 4},
       "the PBS array's PBS_ARRAY_INDEX and --shard"},
      {"Torque",
       {{"PBS_ARRAYID", "3"}, {"SD_SHARD_COUNT", "4"}},
       "",
       {3, 4},
       "the Torque array's PBS_ARRAYID and SD_SHARD_COUNT"},
      {"LSF", {{"LSB_JOBINDEX", "4"}}, "*/4", {3, 4}, "the LSF array's LSB_JOBINDEX and --shard"},
      {"AWS Batch",
       {{"AWS_BATCH_JOB_ARRAY_INDEX", "3"}, {"AWS_BATCH_JOB_ARRAY_SIZE", "10"}},
       "",
       {3, 10},
       "the AWS Batch array's AWS_BATCH_JOB_ARRAY_INDEX and AWS_BATCH_JOB_ARRAY_SIZE"},
      {"AWS Batch without its size",
       {{"AWS_BATCH_JOB_ARRAY_INDEX", "3"}, {"SD_SHARD_COUNT", "10"}},
       "",
       {3, 10},
       "the AWS Batch array's AWS_BATCH_JOB_ARRAY_INDEX and SD_SHARD_COUNT"},
      {"Google Cloud Batch",
       {{"BATCH_TASK_INDEX", "0"}, {"BATCH_TASK_COUNT", "2"}},
       "",
       {0, 2},
       "Google Cloud Batch's BATCH_TASK_INDEX and BATCH_TASK_COUNT"},
      {"Cloud Run",
       {{"CLOUD_RUN_TASK_INDEX", "1"}, {"CLOUD_RUN_TASK_COUNT", "2"}},
       "",
       {1, 2},
       "Cloud Run's CLOUD_RUN_TASK_INDEX and CLOUD_RUN_TASK_COUNT"},
      {"Kubernetes",
       {{"JOB_COMPLETION_INDEX", "3"}, {"SD_SHARD_COUNT", "8"}},
       "",
       {3, 8},
       "Kubernetes's JOB_COMPLETION_INDEX and SD_SHARD_COUNT"},
      {"Kubernetes with --shard",
       {{"JOB_COMPLETION_INDEX", "3"}, {"SD_SHARD_COUNT", "4"}},
       "*/8",
       {3, 8},
       "Kubernetes's JOB_COMPLETION_INDEX and --shard"},
      {"SD_SHARD", {{"SD_SHARD", "2/8"}}, "", {2, 8}, "SD_SHARD"},
      {"SD_SHARD with a star",
       {{"SD_SHARD", "*/8"}, {"JOB_COMPLETION_INDEX", "3"}},
       "",
       {3, 8},
       "Kubernetes's JOB_COMPLETION_INDEX and SD_SHARD"},
      {"SD_SHARD tells the index of --shard", {{"SD_SHARD", "2/8"}}, "*/8", {2, 8}, "SD_SHARD"},
      {"--shard", {}, "2/8", {2, 8}, "--shard"},
      {"--shard before SD_SHARD", {{"SD_SHARD", "3/4"}}, "2/8", {2, 8}, "--shard"}};
  for (const Case& c : cases) {
    const FoundShard found = find(c.variables, c.option);
    EXPECT_EQ(found.shard, c.shard) << c.name;
    EXPECT_EQ(found.words, "shard " + std::to_string(c.shard.index) + " of " +
                               std::to_string(c.shard.count) + ", of " + c.words);
    EXPECT_THAT(found.warnings, IsEmpty()) << c.name;
  }
}

TEST(FindShard, IsAllImagesWithoutALauncher) {
  const std::vector<Variables> none = {
      {},
      slurm_batch(4),  // the shell of sbatch is no task of a step
      {{"SLURM_JOB_ID", "21"}, {"SLURM_NTASKS", "4"}},  // that of salloc
      {{"RANK", "1"}, {"WORLD_SIZE", "4"}},             // anybody's names
      grid_engine("undefined", 0, 0, 0) + Variables{{"SGE_TASK_FIRST", "undefined"}},
      {{"LSB_JOBINDEX", "0"}},
      {{"JOB_COMPLETION_INDEX", ""}, {"SD_SHARD", ""}, {"SD_SHARD_COUNT", ""}},
      {{"SD_SHARD_COUNT", "1"}}};
  for (const Variables& variables : none) {
    const FoundShard found = find(variables);
    EXPECT_EQ(found.shard, (Shard{0, 1}));
    EXPECT_EQ(found.words, "");
    EXPECT_THAT(found.warnings, IsEmpty());
  }
}

TEST(FindShard, CountsTheStepsTasksInTheInteractiveStepOfSalloc) {
  const Variables interactive = slurm_batch(4) + Variables{{"SLURM_STEP_ID", "4294967290"},
                                                           {"SLURM_STEP_NUM_TASKS", "1"}};
  EXPECT_EQ(find(interactive).shard, (Shard{0, 1}));
}

/// The shards of all processes that a way of starting makes must be 0, 1, … each once.
void expect_all_shards_once(const std::vector<Variables>& processes, const std::string& words) {
  std::vector<int64_t> taken(processes.size());
  for (const Variables& variables : processes) {
    const FoundShard found = find(variables);
    ASSERT_EQ(found.shard.count, std::ssize(processes)) << found.words;
    ++taken.at(found.shard.index);
    EXPECT_THAT(found.words, HasSubstr(words));
    EXPECT_THAT(found.warnings, IsEmpty());
  }
  EXPECT_THAT(taken, ::testing::Each(1));
}

TEST(FindShard, CountsRanksWithinTheTasksOfAJobArray) {
  std::vector<Variables> steps;
  std::vector<Variables> mpi;
  std::vector<Variables> mpi_in_grid_engine;
  for (int task = 0; task < 3; ++task) {
    for (int rank = 0; rank < 4; ++rank) {
      steps.push_back(slurm_array(task + 1, 1, 3, 1, 3) + slurm_step(rank, 4));
      mpi.push_back(slurm_array(task + 1, 1, 3, 1, 3) + slurm_batch(4) + open_mpi(rank, 4, 2));
      mpi_in_grid_engine.push_back(grid_engine(std::to_string(task + 1), 1, 3, 1) +
                                   hydra(rank, 4, 2));
    }
  }
  expect_all_shards_once(
      steps,
      "of the Slurm step's SLURM_PROCID and SLURM_STEP_NUM_TASKS within the Slurm array's "
      "SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT");
  expect_all_shards_once(mpi, "OMPI_COMM_WORLD_SIZE within the Slurm array's");
  expect_all_shards_once(mpi_in_grid_engine, "PMI_SIZE within the Grid Engine array's");
}

TEST(FindShard, IsTheTasksIndexTimesTheRanksPlusTheRank) {
  EXPECT_EQ(find(slurm_array(2, 0, 3, 1, 4) + slurm_step(1, 3)).shard, (Shard{2 * 3 + 1, 12}));
}

TEST(FindShard, CountsRanksOfOneHostWithinWhateverStartedThem) {
  std::vector<Variables> in_steps;
  std::vector<Variables> in_array_steps;
  std::vector<Variables> in_pods;
  std::vector<Variables> mpi_in_pmi_steps;
  for (int outer = 0; outer < 2; ++outer) {
    for (int rank = 0; rank < 3; ++rank) {
      const Variables step = slurm_step(outer, 2);
      in_steps.push_back(step + torchrun(rank, 3, 3));
      in_pods.push_back(torchrun(rank, 3, 3) +
                        Variables{{"JOB_COMPLETION_INDEX", std::to_string(outer)},
                                  {"SD_SHARD_COUNT", "6"}});
      mpi_in_pmi_steps.push_back(
          step + open_mpi(rank, 3, 3) +
          Variables{{"PMI_RANK", std::to_string(outer)}, {"PMI_SIZE", "2"}});
      for (int task = 0; task < 2; ++task) {
        in_array_steps.push_back(slurm_array(task, 0, 1, 1, 2) + step + torchrun(rank, 3, 3));
      }
    }
  }
  expect_all_shards_once(in_steps, "of torchrun's RANK and WORLD_SIZE within the Slurm step's");
  expect_all_shards_once(in_array_steps, "SLURM_STEP_NUM_TASKS within the Slurm array's");
  expect_all_shards_once(in_pods, "within Kubernetes's JOB_COMPLETION_INDEX and SD_SHARD_COUNT");
  expect_all_shards_once(mpi_in_pmi_steps, "within PMI's PMI_RANK");
}

TEST(FindShard, LeavesOutOfItsWordsWhatStartedOneProcess) {
  EXPECT_EQ(find(slurm_array(1, 0, 3, 1, 4) + slurm_step(0, 1)).words,
            "shard 1 of 4, of the Slurm array's SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT");
}

TEST(FindShard, WarnsWhereAnOuterLauncherSaysSomethingElse) {
  // An agent of torchrun on each of two nodes, started by srun.
  const FoundShard agents = find(slurm_step(1, 2) + torchrun(5, 8, 4));
  EXPECT_EQ(agents.shard, (Shard{5, 8}));
  EXPECT_THAT(agents.warnings,
              ElementsAre("shard 5 of 8, of torchrun's RANK and WORLD_SIZE, though the Slurm "
                          "step's SLURM_PROCID and SLURM_STEP_NUM_TASKS say 1 of 2"));
  const FoundShard array = find(slurm_array(1, 0, 1, 1, 2) + torchrun(5, 8, 4));
  EXPECT_EQ(array.shard, (Shard{5, 8}));
  EXPECT_THAT(array.warnings, ElementsAre(HasSubstr("SLURM_ARRAY_TASK_COUNT say 1 of 2")));
  // mpirun started its helpers on the other nodes with srun; the array still counts.
  const FoundShard mpi = find(slurm_array(1, 0, 1, 1, 2) + slurm_step(1, 3) + open_mpi(5, 8, 2));
  EXPECT_EQ(mpi.shard, (Shard{8 + 5, 16}));
  EXPECT_THAT(mpi.warnings, ElementsAre(HasSubstr("say 1 of 3")));
  const FoundShard pods = find(torchrun(5, 8, 4) + Variables{{"JOB_COMPLETION_INDEX", "1"}});
  EXPECT_EQ(pods.shard, (Shard{5, 8}));
  EXPECT_THAT(pods.warnings, ElementsAre(HasSubstr("Kubernetes's JOB_COMPLETION_INDEX says 1")));
}

TEST(FindShard, WarnsWhereAnOuterLauncherCannotBeRead) {
  const FoundShard found = find(slurm_step(1, 2) + torchrun(5, 8, 4) +
                                Variables{{"SLURM_STEP_NUM_TASKS", "many"}});
  EXPECT_EQ(found.shard, (Shard{5, 8}));
  EXPECT_THAT(found.warnings, ElementsAre(HasSubstr("though SLURM_STEP_NUM_TASKS of the Slurm step "
                                                    "expects a whole number")));
}

TEST(FindShard, SaysNothingWhereTwoAgree) {
  const Variables pmi = {{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}};  // of srun --mpi=pmi2
  EXPECT_THAT(find(slurm_step(1, 2) + pmi).warnings, IsEmpty());
  EXPECT_THAT(find(torchrun(3, 8, 4) + Variables{{"SD_SHARD", "3/8"}}).warnings, IsEmpty());
  EXPECT_THAT(find(slurm_step(0, 1) + torchrun(5, 8, 4)).warnings, IsEmpty());
  EXPECT_THAT(find(slurm_step(0, 1), "2/8").warnings, IsEmpty());
}

TEST(FindShard, WarnsWhereLaunchersSayAnotherShardThanWasWrittenDown) {
  const FoundShard found = find(slurm_array(1, 0, 3, 1, 4), "2/4");
  EXPECT_EQ(found.shard, (Shard{2, 4}));
  EXPECT_THAT(found.warnings,
              ElementsAre("shard 2 of 4, of --shard, though there is shard 1 of 4, of the Slurm "
                          "array's SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT"));
  EXPECT_THAT(find(torchrun(1, 4, 4) + Variables{{"SD_SHARD", "0/2"}}).warnings,
              ElementsAre(HasSubstr("of SD_SHARD, though there is shard 1 of 4, of torchrun's")));
  // A shard that is written down is a way out of numbers that cannot be used.
  const FoundShard sparse = find(slurm_array(7, 1, 9, 1, 5), "2/5");
  EXPECT_EQ(sparse.shard, (Shard{2, 5}));
  EXPECT_THAT(sparse.warnings, ElementsAre(HasSubstr("without gaps")));
}

TEST(FindShard, RefusesNumbersThatAreNone) {
  EXPECT_EQ(error_of_shard(torchrun(1, 4, 4) + Variables{{"RANK", "one"}}),
            "RANK of torchrun (WORLD_SIZE is 4) expects a whole number from 0 to 3, found 'one'");
  EXPECT_EQ(error_of_shard(slurm_step(1, 2) + Variables{{"SLURM_STEP_NUM_TASKS", "2x"}}),
            "SLURM_STEP_NUM_TASKS of the Slurm step expects a whole number from 1 to 1000000, "
            "found '2x'");
  EXPECT_EQ(error_of_shard({{"JOB_COMPLETION_INDEX", "3"}, {"SD_SHARD_COUNT", "eight"}}),
            "SD_SHARD_COUNT expects a whole number from 1 to 1000000, found 'eight'");
  EXPECT_EQ(error_of_shard({{"SD_SHARD", "8/8"}}),
            "the index of SD_SHARD expects a whole number from 0 to 7, found '8'");
}

TEST(FindShard, RefusesARankOutsideItsCount) {
  EXPECT_EQ(error_of_shard(open_mpi(3, 3, 3)),
            "OMPI_COMM_WORLD_RANK of Open MPI (OMPI_COMM_WORLD_SIZE is 3) expects a whole number "
            "from 0 to 2, found '3'");
  EXPECT_EQ(error_of_shard({{"PBS_ARRAY_INDEX", "4"}}, "*/4"),
            "the PBS array's PBS_ARRAY_INDEX expects a number below 4 (--shard asks for 4 shards, "
            "counted from 0), found 4");
  EXPECT_EQ(error_of_shard(grid_engine("9", 1, 8, 1)),
            "SGE_TASK_ID of the Grid Engine array expects a whole number from 1 to 8, found '9'");
}

TEST(FindShard, RefusesACountOfZero) {
  EXPECT_EQ(error_of_shard({{"BATCH_TASK_INDEX", "0"}, {"BATCH_TASK_COUNT", "0"}}),
            "BATCH_TASK_COUNT of Google Cloud Batch expects a whole number from 1 to 1000000, "
            "found '0'");
  EXPECT_EQ(error_of_shard({{"JOB_COMPLETION_INDEX", "0"}, {"SD_SHARD_COUNT", "0"}}),
            "SD_SHARD_COUNT expects a whole number from 1 to 1000000, found '0'");
}

TEST(FindShard, RefusesARankWithoutACount) {
  const std::string expected =
      ", but nothing says of how many: expected --shard */COUNT or SD_SHARD_COUNT";
  EXPECT_EQ(error_of_shard({{"JOB_COMPLETION_INDEX", "3"}}),
            "Kubernetes's JOB_COMPLETION_INDEX says 3" + expected);
  Variables no_world_size = torchrun(1, 4, 4);
  no_world_size.erase("WORLD_SIZE");
  EXPECT_EQ(error_of_shard(no_world_size), "torchrun's RANK says 1" + expected);
  EXPECT_EQ(error_of_shard({{"PMIX_RANK", "1"}}), "PMIx's PMIX_RANK says 1" + expected);
  // Pods that each start ranks of their own: how many pods?
  EXPECT_EQ(error_of_shard(torchrun(1, 2, 2) + Variables{{"JOB_COMPLETION_INDEX", "3"}}),
            "Kubernetes's JOB_COMPLETION_INDEX says 3" + expected);
}

TEST(FindShard, RefusesAnotherCountThanThatOfTheLauncher) {
  EXPECT_EQ(error_of_shard(torchrun(1, 4, 4), "*/8"),
            "--shard asks for 8 shards, but this is shard 1 of 4, of torchrun's RANK and "
            "WORLD_SIZE; expected the same count");
  EXPECT_EQ(error_of_shard(torchrun(1, 4, 4) + Variables{{"SD_SHARD_COUNT", "2"}}),
            "SD_SHARD_COUNT asks for 2 shards, but this is shard 1 of 4, of torchrun's RANK and "
            "WORLD_SIZE; expected the same count");
  EXPECT_EQ(error_of_shard({{"SD_SHARD", "1/4"}}, "*/8"),
            "SD_SHARD expects the count of --shard, 8, found 4");
  EXPECT_EQ(error_of_shard(torchrun(1, 3, 3) + Variables{{"JOB_COMPLETION_INDEX", "0"}}, "*/8"),
            "--shard expects a multiple of the 3 processes in each task of Kubernetes, found 8");
}

TEST(FindShard, RefusesACountWithoutALauncher) {
  EXPECT_EQ(error_of_shard({}, "*/8"),
            "--shard asks for 8 shards, but no launcher says which of them this is; expected "
            "--shard INDEX/8");
  EXPECT_EQ(error_of_shard({{"SD_SHARD_COUNT", "8"}}),
            "SD_SHARD_COUNT asks for 8 shards, but no launcher says which of them this is; "
            "expected --shard INDEX/8");
}

TEST(FindShard, RefusesAnArrayWithGapsInAllItsTasks) {
  for (const int id : {1, 3, 7, 8, 9}) {  // --array=1,3,7-9
    EXPECT_EQ(error_of_shard(slurm_array(id, 1, 9, 1, 5)),
              "the Slurm array expects IDs without gaps, as 0-4, found 5 between 1 and 9 "
              "(SLURM_ARRAY_TASK_COUNT); number them so, or give --shard INDEX/5 to each task");
  }
  for (const int id : {1, 3, 5, 7, 20}) {  // --array=1-7:2,20
    EXPECT_THAT(error_of_shard(slurm_array(id, 1, 20, 2, 5)), HasSubstr("without gaps"));
  }
  for (const int id : {1, 2, 3}) {  // --array=1-3:2,2
    EXPECT_THAT(error_of_shard(slurm_array(id, 1, 3, 2, 3)), HasSubstr("without gaps"));
  }
  EXPECT_EQ(error_of_shard(slurm_array(4, 1, 7, 2, 4)),  // --array=1-3:2,4,7
            "SLURM_ARRAY_TASK_ID of the Slurm array expects an ID from 1 in steps of 2, found 4");
}

TEST(FindShard, RefusesMoreShardsThanAreCounted) {
  EXPECT_EQ(error_of_shard(slurm_array(1, 0, 1999, 1, 2000) + slurm_step(1, 1000)),
            "the Slurm array's SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT expects at most "
            "1000000 shards in all, found 2000 times 1000");
  EXPECT_THAT(error_of_shard(grid_engine("1", 1, 2000000, 1)),
              HasSubstr("SGE_TASK_LAST of the Grid Engine array expects at most 1000000 tasks"));
}

TEST(FindLocalRank, IsThatOfTheInnermostLauncher) {
  const auto local = [](const Variables& variables) {
    return find_local_rank(environment_of(variables));
  };
  EXPECT_EQ(local(torchrun(5, 8, 4)), 1);
  EXPECT_EQ(local(open_mpi(2, 3, 3)), 2);
  EXPECT_EQ(local(hydra(2, 3, 2)), 0);
  EXPECT_EQ(local(slurm_step(1, 2)), 1);
  EXPECT_EQ(local(slurm_step(1, 2) + Variables{{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}}), 1);
  EXPECT_EQ(local(slurm_step(1, 2) + torchrun(2, 4, 4)), 2);
  EXPECT_FALSE(local(slurm_batch(4)));
  EXPECT_FALSE(local({}));
  expect_error([&] { local(slurm_step(1, 2) + Variables{{"SLURM_LOCALID", "x"}}); },
               ErrorKind::kUsage, "SLURM_LOCALID of the Slurm step expects a whole number");
}

TEST(ProcessEnvironment, IsThatOfThisProcess) {
  ::setenv("SD_SHARD_TEST", "3", 1);
  EXPECT_EQ(process_environment("SD_SHARD_TEST"), "3");
  ::unsetenv("SD_SHARD_TEST");
  EXPECT_FALSE(process_environment("SD_SHARD_TEST"));
}

}  // namespace
}  // namespace sd
