#include "jobs/done_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "manifest_support.h"
#include "tests/support/errors.h"

namespace sd {
namespace {

class DoneListTest : public ::testing::Test {
 protected:
  DoneState state(std::uint64_t index, int steps = 20) const {
    return DoneList(folder_.path())
        .state(index, job_hash(some_parameters(index, steps)), std::to_string(index) + ".png");
  }
  void write(const std::vector<ManifestLine>& lines, const std::string& name = manifest_name()) {
    write_manifest(folder_ / name, lines);
  }

  TemporaryFolder folder_;
};

TEST_F(DoneListTest, OfAnEmptyOrMissingFolderKnowsNothing) {
  EXPECT_EQ(state(0), DoneState::kMissing);
  const DoneList list(folder_ / "missing");
  EXPECT_EQ(list.state(0, "job", "0.png"), DoneState::kMissing);
  EXPECT_EQ(list.size(), 0);
  EXPECT_TRUE(list.runs().empty());
}

TEST_F(DoneListTest, TellsWhatIsDone) {
  write({some_run(), make_image(folder_, 0), make_image(folder_, 5000000000), some_failure(1)});
  EXPECT_EQ(state(0), DoneState::kDone);
  EXPECT_EQ(state(5000000000), DoneState::kDone);
  EXPECT_EQ(state(1), DoneState::kMissing) << "it failed";
  EXPECT_EQ(state(2), DoneState::kMissing);
  EXPECT_EQ(state(5000000001), DoneState::kMissing);
  EXPECT_EQ(DoneList(folder_.path()).size(), 2);
}

TEST_F(DoneListTest, NoticesFilesThatAreGoneOrHaveOtherBytes) {
  write({some_run(), make_image(folder_, 0), make_image(folder_, 1), make_image(folder_, 2)});
  std::filesystem::remove(folder_ / "0.png");
  folder_.write("1.png", "picture 9 of 20");
  std::filesystem::remove(folder_ / "2.png");
  std::filesystem::create_directory(folder_ / "2.png");
  for (const int index : {0, 1, 2}) EXPECT_EQ(state(index), DoneState::kDamaged);
}

TEST_F(DoneListTest, NoticesAnotherJobAndSaysWhatDiffers) {
  write({some_run(), make_image(folder_, 0)});
  EXPECT_EQ(state(0, 30), DoneState::kChanged);
  const DoneList list(folder_.path());
  EXPECT_EQ(list.describe_change(0, some_parameters(0, 30), "0.png"),
            "steps is 20 there and 30 here");
  EXPECT_EQ(list.state(0, job_hash(some_parameters(0)), "a/0.png"), DoneState::kChanged);
  EXPECT_EQ(list.describe_change(0, some_parameters(0, 30), "a/0.png"),
            "steps is 20 there and 30 here; file is '0.png' there and 'a/0.png' here");
  EXPECT_EQ(list.describe_change(0, some_parameters(0), "0.png"), "");
  EXPECT_EQ(list.describe_change(1, some_parameters(1), "1.png"), "") << "there is none";
  EXPECT_EQ(list.read_back(0)->parameters, some_parameters(0));
}

TEST_F(DoneListTest, TheLastLineOfAnIndexCounts) {
  const ManifestImage before = make_image(folder_, 0, 20);
  write({some_run(), before, make_image(folder_, 1)});
  write({some_run(2000), make_image(folder_, 0, 30), some_failure(1)});
  EXPECT_EQ(state(0, 30), DoneState::kDone);
  EXPECT_EQ(state(0, 20), DoneState::kChanged);
  EXPECT_EQ(state(1), DoneState::kMissing) << "it was made, then failed";
  EXPECT_EQ(DoneList(folder_.path()).size(), 1);
  EXPECT_EQ(DoneList(folder_.path()).read_back(0)->parameters, some_parameters(0, 30));
  EXPECT_EQ(DoneList(folder_.path()).read_back(1), std::nullopt);
}

TEST_F(DoneListTest, OfSeveralManifestsThatOfTheLaterRunCounts) {
  const ManifestImage image = make_image(folder_, 0, 20);
  write({some_run(2000), image}, manifest_name(0, 2));
  write({some_run(1000), some_failure(0)}, manifest_name(1, 2));
  write({some_run(1500), make_image(folder_, 1)}, manifest_name("node"));
  EXPECT_EQ(state(0), DoneState::kDone) << "the failure is older";
  EXPECT_EQ(state(1), DoneState::kDone);
  write({some_run(3000), some_failure(0)}, manifest_name(1, 2));
  EXPECT_EQ(state(0), DoneState::kMissing);
  EXPECT_EQ(DoneList(folder_.path()).read_back(0), std::nullopt);
}

TEST_F(DoneListTest, FindsFilesThatWereRenamed) {
  folder_.write("0.png", "of the user");
  folder_.write("0-1.png", "of the user, too");
  folder_.write("0-2.png", "picture");
  ManifestImage image = some_image(folder_.path(), 0, "0-2.png");
  image.wanted_file = "0.png";
  write({some_run(), image});
  EXPECT_EQ(state(0), DoneState::kDone);
  EXPECT_EQ(state(0, 30), DoneState::kChanged);
  folder_.write("0-2.png", "other");
  EXPECT_EQ(state(0), DoneState::kDamaged);
  std::filesystem::remove(folder_ / "0-2.png");
  EXPECT_EQ(state(0), DoneState::kDamaged);
}

TEST_F(DoneListTest, KnowsTheRunsThatDiffer) {
  ManifestRun shard = some_run(1000);
  shard.shard = "1/2";
  ManifestRun other = some_run(1500);
  other.seed = 8;
  write({some_run(), some_run(2000), shard, other});
  EXPECT_THAT(DoneList(folder_.path()).runs(), testing::ElementsAre(some_run(), other));
}

TEST_F(DoneListTest, DoesNotTakeDamagedManifests) {
  write({some_run(), make_image(folder_, 0)});
  folder_.write(manifest_name(0, 2), "nonsense\n");
  expect_error([&] { state(0); }, ErrorKind::kInput, manifest_name(0, 2) + ":1: ");
}

}  // namespace
}  // namespace sd
