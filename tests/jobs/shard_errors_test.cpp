#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "tests/jobs/launcher_variables.h"

namespace sd {
namespace {

using ::testing::HasSubstr;

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

}  // namespace
}  // namespace sd
