#include "jobs/leases.h"

#include <chrono>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <new>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "tests/jobs/lease_files.h"
#include "tests/jobs/processes.h"
#include "tests/support/errors.h"
#include "tests/support/unprivileged.h"

namespace sd {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using Clock = std::chrono::steady_clock;

TEST(Leases, GiveAUnitToOneOnly) {
  const TemporaryFolder folder;
  Leases first(folder.path());
  Leases second(folder.path());
  EXPECT_EQ(first.take(7), Claim::kTaken);
  EXPECT_EQ(second.take(7), Claim::kHeld);
  EXPECT_EQ(second.take_again(7), Claim::kHeld);
  EXPECT_EQ(first.take(7), Claim::kHeld);
  EXPECT_EQ(second.take(8), Claim::kTaken);
  EXPECT_TRUE(first.still_held(7));
  EXPECT_FALSE(second.still_held(7));
  EXPECT_FALSE(second.finish(7));
  EXPECT_FALSE(second.fail(7));
  second.release(7);
  EXPECT_TRUE(first.still_held(7));
}

TEST(Leases, FreeWhatIsReleasedAtOnce) {
  const TemporaryFolder folder;
  Leases second(folder.path());
  {
    Leases first(folder.path());
    EXPECT_EQ(first.take(7), Claim::kTaken);
    EXPECT_EQ(first.take(8), Claim::kTaken);
    first.release(7);
    EXPECT_FALSE(first.still_held(7));
    EXPECT_EQ(second.take(7), Claim::kTaken);
    EXPECT_EQ(first.take(7), Claim::kHeld);
    EXPECT_EQ(second.take(8), Claim::kHeld);
  }
  EXPECT_EQ(second.take(8), Claim::kTaken);  // the end of the first released it
  EXPECT_TRUE(second.still_held(7));
  EXPECT_TRUE(second.finish(7));
}

TEST(Leases, KeepWhatIsDoneAndWhatFailed) {
  const TemporaryFolder folder;
  {
    Leases leases(folder.path());
    EXPECT_EQ(leases.take(1), Claim::kTaken);
    EXPECT_EQ(leases.take(2), Claim::kTaken);
    EXPECT_TRUE(leases.finish(1));
    EXPECT_FALSE(leases.finish(1));
    EXPECT_TRUE(leases.fail(2));
    EXPECT_FALSE(leases.still_held(1));
    EXPECT_EQ(leases.take(1), Claim::kDone);
    EXPECT_EQ(leases.take(2), Claim::kFailed);
  }
  Leases later(folder.path());
  EXPECT_EQ(later.take(1), Claim::kDone);
  EXPECT_EQ(later.take(2), Claim::kFailed);
  EXPECT_THAT(names_in(folder), UnorderedElementsAre("1.done", "2.failed"));
  later.clear_failed();
  EXPECT_EQ(later.take(2), Claim::kTaken);
  EXPECT_EQ(later.take(1), Claim::kDone);
  later.clear_done();
  EXPECT_EQ(later.take(1), Claim::kTaken);
  EXPECT_TRUE(later.finish(1));
  EXPECT_TRUE(later.finish(2));
}

TEST(Leases, GiveAUnitThatWasMarkedBeforeToWhoAsksForItAgain) {
  const TemporaryFolder folder;
  Leases first(folder.path());
  first.take(1);
  first.finish(1);
  first.take(2);
  first.fail(2);
  Leases second(folder.path());
  EXPECT_EQ(second.take_again(1), Claim::kTaken);
  EXPECT_EQ(second.take_again(2), Claim::kTaken);
  EXPECT_EQ(second.take_again(3), Claim::kTaken);
  EXPECT_EQ(first.take(1), Claim::kHeld);
  EXPECT_EQ(first.take_again(1), Claim::kHeld);
  EXPECT_TRUE(second.finish(1));
  EXPECT_TRUE(second.finish(2));
  EXPECT_EQ(first.take(2), Claim::kDone);
}

TEST(Leases, GiveNoUnitAgainThatWasMarkedSince) {
  const TemporaryFolder folder;
  Leases first(folder.path());
  Leases second(folder.path());
  first.take(1);
  first.finish(1);
  first.take(2);
  first.fail(2);
  EXPECT_EQ(second.take_again(1), Claim::kDone);
  EXPECT_EQ(second.take_again(2), Claim::kFailed);
  EXPECT_EQ(first.take_again(1), Claim::kDone);
}

TEST(Leases, OfAnotherHostEndWithTheirOwnLifetime) {
  const TemporaryFolder folder;
  Leases leases(folder.path(), 1s);
  let_another_host_hold(folder, 1, 50s);
  let_another_host_hold(folder, 2, 70s);
  let_another_host_hold(folder, 3, 70s, 100s);
  let_another_host_hold(folder, 4, -1000s);
  EXPECT_EQ(leases.take(1), Claim::kHeld);
  EXPECT_EQ(leases.take(2), Claim::kTaken);
  EXPECT_EQ(leases.take(3), Claim::kHeld);
  EXPECT_EQ(leases.take(4), Claim::kHeld);
}

TEST(Leases, OfADeadProcessNumberMayBeALiveOneInAnotherContainer) {
  const TemporaryFolder folder;
  LeaseHolder holder = LeaseHolder::here(0, 60s);
  holder.pid = dead_process();
  EXPECT_TRUE(holder.is_gone());
  for (const char* system : {"", "another"}) {
    holder.system = system;
    EXPECT_FALSE(holder.is_gone());
  }
  folder.write(".sd-claims/7.0.lease", print_lease(holder));
  EXPECT_EQ(Leases(folder.path()).take(7), Claim::kHeld);
}

TEST(Leases, ThatCannotBeReadLastAsLongAsOnesOwn) {
  const TemporaryFolder folder;
  Leases leases(folder.path(), 30s);
  const std::vector<std::string> texts = {"", "{", "[]", "{\"host\": 3}", "\xff"};
  for (int key = 0; key < std::ssize(texts); ++key) {
    folder.write(".sd-claims/" + std::to_string(key) + ".0.lease", texts[key]);
    EXPECT_EQ(leases.take(key), Claim::kHeld) << texts[key];
    set_age(lease_of(folder, key), 31s);
    EXPECT_EQ(leases.take(key), Claim::kTaken) << texts[key];
  }
}

TEST(Leases, AreRenewedWhileTheirHolderLives) {
  const TemporaryFolder folder;
  Leases first(folder.path(), 300ms);
  Leases second(folder.path(), 300ms);
  ASSERT_EQ(first.take(7), Claim::kTaken);
  for (const auto end = Clock::now() + 1200ms; Clock::now() < end;
       std::this_thread::sleep_for(20ms)) {
    ASSERT_EQ(second.take(7), Claim::kHeld);
  }
  EXPECT_TRUE(first.finish(7));
}

TEST(Leases, AreTouchedWhenTold) {
  const TemporaryFolder folder;
  Leases leases(folder.path(), 60s);
  ASSERT_EQ(leases.take(7), Claim::kTaken);
  set_age(lease_of(folder, 7), 50s);
  leases.renew();
  EXPECT_LT(std::filesystem::file_time_type::clock::now() -
                std::filesystem::last_write_time(lease_of(folder, 7)),
            40s);
}

TEST(Leases, AreLostWhereAnotherMarkedTheUnit) {
  // As one may that was paused after it saw that it still held the unit.
  const TemporaryFolder folder;
  Leases leases(folder.path());
  EXPECT_EQ(leases.take(7), Claim::kTaken);
  folder.write(".sd-claims/7.done", print_lease(LeaseHolder::here(0, 60s)));
  EXPECT_FALSE(leases.still_held(7));
  EXPECT_FALSE(leases.fail(7));
}

TEST(SharedValue, IsTheFirstOnes) {
  const TemporaryFolder folder;
  Leases first(folder.path());
  Leases second(folder.path());
  EXPECT_EQ(first.shared_value("seed", [] { return "12"; }), "12");
  EXPECT_EQ(second.shared_value("seed", [] { return "13"; }), "12");
  EXPECT_EQ(second.shared_value("jobs", [] { return "abc"; }), "abc");
  EXPECT_EQ(first.shared_value("seed", []() -> std::string { throw std::bad_alloc(); }), "12");
  EXPECT_EQ(Leases(folder.path()).shared_value("seed", [] { return "14"; }), "12");
}

TEST(LeaseErrors, NameAFolderThatMayNotBeWrittenTo) {
  const TemporaryFolder folder;
  ::chmod(folder.path().c_str(), 0555);
  const Unprivileged unprivileged;
  expect_error([&] { Leases(folder.path()); }, ErrorKind::kOutput,
               "cannot write into the folder '" + folder.path().string());
}

TEST(LeaseErrors, NameAHiddenFolderThatMayNoLongerBeWrittenTo) {
  const TemporaryFolder folder;
  const std::string hidden = (folder / ".sd-claims").string();
  ::chmod(folder.path().c_str(), 0755);
  Leases leases(folder.path());
  ASSERT_EQ(leases.take(1), Claim::kTaken);
  const Unprivileged unprivileged;
  const std::string may_not = "the folder '" + hidden + "' may not be written to";
  expect_error([&] { leases.take(2); }, ErrorKind::kOutput, may_not);
  expect_error([&] { leases.finish(1); }, ErrorKind::kOutput, may_not);
  expect_error([&] { leases.shared_value("seed", [] { return "1"; }); }, ErrorKind::kOutput,
               may_not);
  expect_error([&] { Leases(folder.path()); }, ErrorKind::kOutput,
               "cannot write into the folder '" + hidden);
}

TEST(LeaseErrors, NameAFolderThatVanished) {
  const TemporaryFolder folder;
  const std::string hidden = (folder / ".sd-claims").string();
  Leases leases(folder.path(), 60s);
  ASSERT_EQ(leases.take(1), Claim::kTaken);
  std::filesystem::remove_all(folder.path());
  const std::string vanished = "the folder '" + hidden + "' has vanished";
  expect_error([&] { leases.still_held(1); }, ErrorKind::kOutput, vanished);
  expect_error([&] { leases.finish(1); }, ErrorKind::kOutput, vanished);
  expect_error([&] { leases.take(2); }, ErrorKind::kOutput,
               "the folder '" + hidden + "' does not exist");
  expect_error([&] { leases.shared_value("seed", [] { return "1"; }); }, ErrorKind::kOutput,
               "the folder '" + hidden + "' does not exist");
  expect_error([&] { leases.clear_done(); }, ErrorKind::kOutput,
               "cannot read the folder '" + hidden);
  leases.renew();
  leases.release(1);
}

TEST(LeaseErrors, NameAFileInTheFoldersPlace) {
  const TemporaryFolder folder;
  folder.write("file", "");
  expect_error([&] { Leases(folder / "file"); }, ErrorKind::kOutput,
               "'" + (folder / "file").string() + "' is not a folder");
}

TEST(LeaseErrors, NameALeaseThatCannotBeRead) {
  const TemporaryFolder folder;
  Leases leases(folder.path());
  std::filesystem::create_directory(lease_of(folder, 7));
  expect_error([&] { leases.take(7); }, ErrorKind::kOutput,
               "cannot read '" + lease_of(folder, 7).string());
}

TEST(FileSystemClock, AgreesWithTheTimesOfFiles) {
  const TemporaryFolder folder;
  const FileSystemClock clock(folder.path());
  EXPECT_THAT(folder.names(), IsEmpty());
  const auto before = clock.now();
  folder.write("file", "x");
  const auto file = read_lease(folder / "file");
  const auto after = clock.now();
  EXPECT_LE(before, file->touched);
  EXPECT_LE(file->touched, after);
  EXPECT_LT(after - before, 10s);
}

TEST(LeaseFile, SaysWhoWroteIt) {
  const TemporaryFolder folder;
  Leases leases(folder.path(), 40s);
  leases.take(7);
  leases.take(8);
  const auto holder = read_lease(lease_of(folder, 7))->holder;
  ASSERT_TRUE(holder);
  EXPECT_EQ(holder->host, LeaseHolder::here(0, {}).host);
  EXPECT_EQ(holder->pid, ::getpid());
  EXPECT_EQ(holder->turn, 0);
  EXPECT_EQ(holder->lifetime, 40s);
  EXPECT_NE(holder->token, read_lease(lease_of(folder, 8))->holder->token);
  leases.release(7);
  leases.take(7);
  EXPECT_EQ(read_lease(lease_of(folder, 7, 1))->holder->turn, 1);
}

}  // namespace
}  // namespace sd
