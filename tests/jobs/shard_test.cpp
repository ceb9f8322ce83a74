#include "jobs/shard.h"

#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <vector>

#include "tests/jobs/launcher_variables.h"

namespace sd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
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
      slurm_batch(4),                                   // the shell of sbatch is no task of a step
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
  const Variables interactive =
      slurm_batch(4) + Variables{{"SLURM_STEP_ID", "4294967290"}, {"SLURM_STEP_NUM_TASKS", "1"}};
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

TEST(FindShard, CountsRanksOfOneAgentWithinWhateverStartedIt) {
  std::vector<Variables> in_steps;
  std::vector<Variables> in_array_steps;
  std::vector<Variables> in_mpi;
  std::vector<Variables> in_pods;
  for (int outer = 0; outer < 2; ++outer) {
    for (int rank = 0; rank < 3; ++rank) {
      const Variables agent = torchrun(rank, 3, 3);
      in_steps.push_back(slurm_step(outer, 2) + agent);
      in_mpi.push_back(open_mpi(outer, 2, 1) + agent);
      in_pods.push_back(agent + Variables{{"JOB_COMPLETION_INDEX", std::to_string(outer)},
                                          {"SD_SHARD_COUNT", "6"}});
      for (int task = 0; task < 2; ++task) {
        in_array_steps.push_back(slurm_array(task, 0, 1, 1, 2) + slurm_step(outer, 2) + agent);
      }
    }
  }
  expect_all_shards_once(in_steps, "of torchrun's RANK and WORLD_SIZE within the Slurm step's");
  expect_all_shards_once(in_array_steps, "SLURM_STEP_NUM_TASKS within the Slurm array's");
  expect_all_shards_once(in_mpi, "within Open MPI's OMPI_COMM_WORLD_RANK");
  expect_all_shards_once(in_pods, "within Kubernetes's JOB_COMPLETION_INDEX and SD_SHARD_COUNT");
}

TEST(FindShard, CountsRanksOfMpiOnOneHostWithinACloudsTasks) {
  std::vector<Variables> processes;
  for (int pod = 0; pod < 2; ++pod) {
    for (int rank = 0; rank < 3; ++rank) {
      processes.push_back(
          open_mpi(rank, 3, 3) +
          Variables{{"CLOUD_RUN_TASK_INDEX", std::to_string(pod)}, {"CLOUD_RUN_TASK_COUNT", "2"}});
    }
  }
  expect_all_shards_once(processes, "OMPI_COMM_WORLD_SIZE within Cloud Run's");
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
  // The same where all ranks are on the first of the hosts that it started helpers on.
  const FoundShard first_host = find(slurm_step(0, 2) + open_mpi(1, 2, 2));
  EXPECT_EQ(first_host.shard, (Shard{1, 2}));
  EXPECT_THAT(first_host.warnings, ElementsAre(HasSubstr("say 0 of 2")));
  const FoundShard pods = find(torchrun(5, 8, 4) + Variables{{"JOB_COMPLETION_INDEX", "1"}});
  EXPECT_EQ(pods.shard, (Shard{5, 8}));
  EXPECT_THAT(pods.warnings, ElementsAre(HasSubstr("Kubernetes's JOB_COMPLETION_INDEX says 1")));
}

TEST(FindShard, WarnsWhereAnOuterLauncherCannotBeRead) {
  const FoundShard found =
      find(slurm_step(1, 2) + torchrun(5, 8, 4) + Variables{{"SLURM_STEP_NUM_TASKS", "many"}});
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
  expect_error(
      [&] {
        local(slurm_step(1, 2) + Variables{{"SLURM_LOCALID", "x"}});
      },
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
