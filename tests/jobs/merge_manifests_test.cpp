#include "jobs/merge_manifests.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/done_list.h"
#include "manifest_support.h"
#include "tests/support/errors.h"

namespace sd {
namespace {

using testing::ElementsAre;

class MergeTest : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::vector<ManifestLine>& lines) {
    write_manifest(folder_ / name, lines);
  }
  MergedManifest merge() { return merge_manifests({folder_.path()}, out_, OnExist::kOverwrite); }

  TemporaryFolder folder_;
  std::filesystem::path out_ = folder_ / "manifest.jsonl";
};

ManifestRun shard_run(const std::string& shard, std::uint64_t started = 1000) {
  ManifestRun run = some_run(started);
  run.shard = shard;
  return run;
}

TEST_F(MergeTest, GivesOneRunAndEachImageOnceInOrder) {
  const ManifestImage zero = make_image(folder_, 0);
  const ManifestImage one = make_image(folder_, 1);
  const ManifestImage two = make_image(folder_, 2);
  write(manifest_name(0, 2), {shard_run("1/2"), two, zero});
  write(manifest_name(1, 2),
        {shard_run("2/2", 1001), some_failure(1), some_failure(3), shard_run("2/2", 2000), one});
  const MergedManifest merged = merge();
  EXPECT_EQ(merged.images, 3);
  EXPECT_EQ(merged.failures, 1);
  EXPECT_EQ(merged.manifests, 2);
  EXPECT_THAT(read_manifest(out_),
              ElementsAre(ManifestLine(some_run(2000)), ManifestLine(zero), ManifestLine(one),
                          ManifestLine(two), ManifestLine(some_failure(3))));
}

TEST_F(MergeTest, CopiesKeysOfLaterVersions) {
  std::string line = print_manifest_line(make_image(folder_, 0));
  line.insert(1, "\"later\": [1],");
  folder_.write("a.jsonl", print_manifest_line(some_run()) + "\n" + line + "\n");
  merge_manifests({folder_ / "a.jsonl"}, out_, OnExist::kFail);
  EXPECT_EQ(read_text(out_), print_manifest_line(some_run()) + "\n" + line + "\n");
}

TEST_F(MergeTest, CanBeDoneAgainAndResumedFrom) {
  write(manifest_name(0, 2), {shard_run("1/2"), make_image(folder_, 0, 20)});
  write(manifest_name(1, 2), {shard_run("2/2"), make_image(folder_, 1)});
  merge();
  const std::string once = read_text(out_);
  merge();
  EXPECT_EQ(read_text(out_), once);
  write("manifest.jsonl", {some_run(3000), make_image(folder_, 0, 30)});
  const DoneList list(folder_.path());
  EXPECT_EQ(list.state(0, job_hash(some_parameters(0, 30)), "0.png"), DoneState::kDone);
  EXPECT_EQ(list.state(1, job_hash(some_parameters(1)), "1.png"), DoneState::kDone);
  merge();
  EXPECT_EQ(read_manifest(out_).size(), 3);
}

TEST_F(MergeTest, TakesANamedManifestOnce) {
  write("manifest.jsonl", {some_run(), make_image(folder_, 0)});
  const MergedManifest merged = merge_manifests(
      {folder_.path(), out_, folder_ / "." / "manifest.jsonl"}, folder_ / "new", OnExist::kFail);
  EXPECT_EQ(merged.manifests, 1);
  EXPECT_EQ(merged.images, 1);
}

TEST_F(MergeTest, RefusesRunsThatDoNotBelongTogether) {
  ManifestRun other = shard_run("2/2");
  other.seed = 8;
  write(manifest_name(0, 2), {shard_run("1/2"), make_image(folder_, 0)});
  write(manifest_name(1, 2), {other, make_image(folder_, 1)});
  EXPECT_EQ(error_of([&] { merge(); }, ErrorKind::kUsage),
            "cannot merge '" + (folder_ / manifest_name(1, 2)).string() + "' (here) with '" +
                (folder_ / manifest_name(0, 2)).string() +
                "' (there): the seed is 7 there and 8 here");
  EXPECT_FALSE(std::filesystem::exists(out_));
}

TEST_F(MergeTest, RefusesManifestsThatAreBeingWritten) {
  write(manifest_name(0, 2), {shard_run("1/2"), make_image(folder_, 0)});
  {
    const ManifestWriter writer(folder_ / manifest_name(1, 2));
    expect_error([&] { merge(); }, ErrorKind::kTemporary, manifest_name(1, 2) + "' is in use");
  }
  {
    const ManifestWriter writer(out_);
    expect_error(
        [&] { merge_manifests({folder_ / manifest_name(0, 2)}, out_, OnExist::kOverwrite); },
        ErrorKind::kTemporary, "manifest.jsonl' is in use");
  }
}

TEST_F(MergeTest, SaysWhatItCannotReadOrWrite) {
  expect_error([&] { merge(); }, ErrorKind::kInput,
               "the folder '" + folder_.path().string() +
                   "' has no manifest: expected manifest.jsonl or files such as "
                   "manifest-00000-of-00004.jsonl");
  expect_error([&] { merge_manifests({folder_ / "no"}, out_, OnExist::kFail); }, ErrorKind::kInput,
               "no': No such file");
  std::ofstream(folder_ / "manifest.jsonl").flush();
  expect_error([&] { merge(); }, ErrorKind::kInput, "has no run in it: nothing was begun there");
  write("manifest.jsonl", {some_run()});
  expect_error([&] { merge_manifests({out_}, out_, OnExist::kFail); }, ErrorKind::kOutput,
               "a file of that name exists");
  expect_error([&] { merge_manifests({out_}, folder_ / "no/m.jsonl", OnExist::kFail); },
               ErrorKind::kOutput, "no' does not exist");
}

TEST_F(MergeTest, TakesMoreManifestsThanItKeepsOpen) {
  constexpr std::uint64_t kManifests = 300;  // of which 256 stay open
  for (std::uint64_t i = 0; i < kManifests; ++i) {
    write(manifest_name(i, kManifests),
          {some_run(), some_failure(kManifests - i), some_failure(1000 + i)});
  }
  EXPECT_EQ(merge().failures, 2 * kManifests);
  EXPECT_EQ(std::get<ManifestFailure>(read_manifest(out_)[1]).index, 1);
}

}  // namespace
}  // namespace sd
