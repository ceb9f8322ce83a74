#include "jobs/verify_manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/merge_manifests.h"
#include "manifest_support.h"
#include "tests/support/errors.h"

namespace sd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class VerifyTest : public ::testing::Test {
 protected:
  void write(const std::vector<ManifestLine>& lines, const std::string& name = manifest_name()) {
    write_manifest(folder_ / name, lines);
  }
  ManifestReport verify() const { return verify_manifest(folder_.path()); }

  TemporaryFolder folder_;
};

TEST_F(VerifyTest, FindsNothingWrong) {
  folder_.write("sub/2.png", "two");
  write({some_run(), make_image(folder_, 1), make_image(folder_, 0),
         some_image(folder_.path(), 2, "sub/2.png")});
  const ManifestReport report = verify();
  EXPECT_TRUE(report.is_sound());
  EXPECT_EQ(report.images, 3);
  EXPECT_EQ(report.expected, 3);
  EXPECT_THAT(report.unnamed.first, IsEmpty());
}

TEST_F(VerifyTest, FindsFilesThatAreGoneOrOther) {
  write({some_run(), make_image(folder_, 0), make_image(folder_, 1), make_image(folder_, 2)});
  std::filesystem::remove(folder_ / "0.png");
  folder_.write("2.png", "another");
  const ManifestReport report = verify();
  EXPECT_FALSE(report.is_sound());
  EXPECT_THAT(report.absent.first, ElementsAre("0.png"));
  EXPECT_THAT(report.damaged.first, ElementsAre("2.png"));
}

TEST_F(VerifyTest, FindsImagesThatFailedOrAreMissing) {
  ManifestRun run = some_run();
  run.images = 12;
  write({run, make_image(folder_, 1), some_failure(2), make_image(folder_, 6)});
  const ManifestReport report = verify();
  EXPECT_FALSE(report.is_sound());
  EXPECT_THAT(report.failed.first, ElementsAre("2: NaN in the latents"));
  EXPECT_THAT(report.missing.first, ElementsAre("0", "3 to 5", "7 to 11"));
  EXPECT_EQ(report.missing.count, 9);
  EXPECT_EQ(report.expected, 12);
  EXPECT_EQ(report.images, 2);
}

TEST_F(VerifyTest, CountsAWholeShardThatIsMissing) {
  ManifestRun run = some_run();
  run.shard = "1/2";
  run.images = 4;
  write({run, make_image(folder_, 0), make_image(folder_, 2)}, manifest_name(0, 2));
  EXPECT_THAT(verify().missing.first, ElementsAre("1", "3"));
}

TEST_F(VerifyTest, FindsWhatTwoProcessesMade) {
  const ManifestImage image = make_image(folder_, 0);
  ManifestImage again = image;
  again.worker = "b";
  write({some_run(), image}, manifest_name("a"));
  write({some_run(), again}, manifest_name("b"));
  const ManifestReport report = verify();
  EXPECT_FALSE(report.is_sound());
  EXPECT_THAT(report.twice.first, ElementsAre("0 in " + (folder_ / manifest_name("a")).string() +
                                              " and " + (folder_ / manifest_name("b")).string()));
}

TEST_F(VerifyTest, KnowsARepairAndAMergedCopyForWhatTheyAre) {
  write({some_run(), make_image(folder_, 0, 20), some_failure(1)}, manifest_name(0, 2));
  write({some_run(2000), make_image(folder_, 0, 20), make_image(folder_, 1)}, manifest_name(0, 2));
  write({some_run(), make_image(folder_, 2)}, manifest_name(1, 2));
  EXPECT_TRUE(verify().is_sound());
  merge_manifests({folder_.path()}, folder_ / manifest_name(), OnExist::kFail);
  EXPECT_TRUE(verify().is_sound());
  EXPECT_EQ(verify().images, 3);
}

TEST_F(VerifyTest, FindsAFileOfTwoImages) {
  folder_.write("a.png", "a");
  write(
      {some_run(), some_image(folder_.path(), 0, "a.png"), some_image(folder_.path(), 1, "a.png")});
  const ManifestReport report = verify();
  EXPECT_FALSE(report.is_sound());
  EXPECT_THAT(report.shared.first, ElementsAre("a.png of 0 and 1"));
}

TEST_F(VerifyTest, ListsFilesThatNoLineNames) {
  write({some_run(), make_image(folder_, 0)});
  folder_.write("sub/new.png", "");
  folder_.write(".hidden/lease", "");
  folder_.write(".sd-12.tmp", "");
  const ManifestReport report = verify();
  EXPECT_THAT(report.unnamed.first, ElementsAre("sub/new.png"));
  EXPECT_TRUE(report.is_sound());
}

TEST_F(VerifyTest, NamesTheFirstOfMany) {
  write({some_run(), some_failure(1000000000000)});
  const ManifestReport gap = verify();
  EXPECT_EQ(gap.missing.count, 1000000000000);
  EXPECT_THAT(gap.missing.first, ElementsAre("0 to 999999999999"));
  for (int i = 0; i < 30; ++i) folder_.write("extra" + std::to_string(i), "");
  EXPECT_EQ(verify().unnamed.count, 30);
  EXPECT_EQ(verify().unnamed.first.size(), Findings::kMostNamed);
}

TEST_F(VerifyTest, StopsWhenAsked) {
  write({some_run(), make_image(folder_, 0)});
  expect_error([&] { verify_manifest(folder_.path(), [] { return true; }); },
               ErrorKind::kInterrupted, "stopped");
}

TEST_F(VerifyTest, NeedsAManifest) {
  expect_error([&] { verify(); }, ErrorKind::kInput, "has no manifest");
  folder_.write("manifest.jsonl", print_manifest_line(some_run()) + "\n{\n");
  expect_error([&] { verify(); }, ErrorKind::kInput, "manifest.jsonl:2: ");
}

}  // namespace
}  // namespace sd
