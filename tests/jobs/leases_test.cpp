#include "jobs/leases.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <span>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/unprivileged.h"

namespace sd {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::UnorderedElementsAre;
using Clock = std::chrono::steady_clock;

void pause(std::chrono::milliseconds time) { std::this_thread::sleep_for(time); }

/// Runs `work` in a process of its own, which ends with it.
pid_t start(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  try {
    work();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    ::_exit(1);
  }
  ::_exit(0);
}

/// Its status as of waitpid.
int wait_for(pid_t child) {
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

void wait_for_all(const std::vector<pid_t>& children) {
  for (const pid_t child : children) EXPECT_EQ(wait_for(child), 0);
}

/// An object that this process and its children share.
template <typename T>
class Shared {
 public:
  Shared()
      : value_(new(::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                          -1, 0)) T{}) {}
  ~Shared() { ::munmap(value_, sizeof(T)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  T* operator->() { return value_; }
  T& operator*() { return *value_; }

 private:
  T* value_;
};

/// The process ID of a process that has ended.
pid_t dead_process() {
  const pid_t child = start([] {});
  wait_for(child);
  return child;
}

std::filesystem::path lease_of(const TemporaryFolder& folder, int key, int turn = 0) {
  return folder / ".sd-claims" /
         (std::to_string(key) + "." + std::to_string(turn) + ".lease");
}

void set_age(const std::filesystem::path& file, std::chrono::seconds age) {
  std::filesystem::last_write_time(file, std::filesystem::file_time_type::clock::now() - age);
}

/// As if a process of another host held `key`, and had touched its lease so long ago.
void let_another_host_hold(const TemporaryFolder& folder, int key, std::chrono::seconds age,
                           std::chrono::milliseconds lifetime = 60s) {
  LeaseHolder holder = LeaseHolder::here(0, lifetime);
  holder.host += "-other";
  holder.pid = 1;
  folder.write(".sd-claims/" + std::to_string(key) + ".0.lease", print_lease(holder));
  set_age(lease_of(folder, key), age);
}

std::vector<std::string> names_in(const TemporaryFolder& folder) {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(folder / ".sd-claims")) {
    names.push_back(file.path().filename());
  }
  return names;
}

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

TEST(Leases, GiveAMarkedUnitToWhoAsksForItAgain) {
  const TemporaryFolder folder;
  Leases first(folder.path());
  Leases second(folder.path());
  first.take(1);
  first.finish(1);
  first.take(2);
  first.fail(2);
  EXPECT_EQ(second.take_again(1), Claim::kTaken);
  EXPECT_EQ(second.take_again(2), Claim::kTaken);
  EXPECT_EQ(first.take(1), Claim::kHeld);
  EXPECT_EQ(first.take_again(1), Claim::kHeld);
  EXPECT_TRUE(second.finish(1));
  EXPECT_TRUE(second.finish(2));
  EXPECT_EQ(first.take(2), Claim::kDone);
}

TEST(Leases, OfADeadProcessOfThisHostEndAtOnce) {
  const TemporaryFolder folder;
  const pid_t child = start([&] {
    Leases leases(folder.path());
    if (leases.take(7) == Claim::kTaken) ::raise(SIGKILL);
  });
  EXPECT_TRUE(WIFSIGNALED(wait_for(child)));
  Leases leases(folder.path());
  EXPECT_EQ(leases.take(7), Claim::kTaken);
  EXPECT_TRUE(leases.finish(7));
  EXPECT_THAT(names_in(folder), UnorderedElementsAre("7.done"));
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
  for (const auto end = Clock::now() + 1200ms; Clock::now() < end; pause(20ms)) {
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

/// A process that takes the unit 7 with a short lifetime, and then goes on when told.
struct PausedHolder {
  struct State {
    std::atomic<bool> has_taken;
    std::atomic<bool> goes_on;
    std::atomic<bool> still_held;
    std::atomic<bool> finished;
  };

  explicit PausedHolder(const TemporaryFolder& folder) {
    process = start([&] {
      Leases leases(folder.path(), 150ms);
      state->has_taken = leases.take(7) == Claim::kTaken;
      while (!state->goes_on) pause(5ms);
      state->still_held = leases.still_held(7);
      state->finished = leases.finish(7);
    });
    while (!state->has_taken) pause(5ms);
    ::kill(process, SIGSTOP);
    pause(400ms);
  }

  void go_on() {
    state->goes_on = true;
    ::kill(process, SIGCONT);
    EXPECT_EQ(wait_for(process), 0);
  }

  Shared<State> state;
  pid_t process;
};

TEST(Leases, AreLostToOthersByAPauseLongerThanTheirLifetime) {
  const TemporaryFolder folder;
  PausedHolder holder(folder);
  Leases leases(folder.path());
  EXPECT_EQ(leases.take(7), Claim::kTaken);
  holder.go_on();
  EXPECT_FALSE(holder.state->still_held);
  EXPECT_FALSE(holder.state->finished);
  EXPECT_TRUE(leases.still_held(7));
  EXPECT_TRUE(leases.finish(7));
  EXPECT_THAT(names_in(folder), UnorderedElementsAre("7.done"));
}

TEST(Leases, AreLostByAPauseDuringWhichAnotherFinished) {
  const TemporaryFolder folder;
  PausedHolder holder(folder);
  Leases leases(folder.path());
  EXPECT_EQ(leases.take(7), Claim::kTaken);
  EXPECT_TRUE(leases.finish(7));
  holder.go_on();
  EXPECT_FALSE(holder.state->still_held);
  EXPECT_FALSE(holder.state->finished);
}

TEST(Leases, OutlastAPauseDuringWhichNobodyAskedForThem) {
  const TemporaryFolder folder;
  PausedHolder holder(folder);
  holder.go_on();
  EXPECT_TRUE(holder.state->still_held);
  EXPECT_TRUE(holder.state->finished);
}

constexpr int kUnits = 180;  // a multiple of the groups'

/// What processes note about the units that they work on.
struct Notes {
  std::array<std::atomic<pid_t>, kUnits> worker;   ///< the last to take it, 0 after it finished
  std::array<std::atomic<int>, kUnits> finished;   ///< how often finish() was true
  std::array<std::atomic<int>, kUnits> taken;
  std::atomic<int> overlaps;                       ///< two living processes at one unit
  std::atomic<int> lost;                           ///< how often finish() was false
};

std::vector<int> values_of(const std::array<std::atomic<int>, kUnits>& notes) {
  return {notes.begin(), notes.end()};
}

TEST(Leases, ThatEndedAreTakenOverByOneOfMany) {
  const TemporaryFolder folder;
  Shared<Notes> notes;
  Shared<std::atomic<int>> ready;
  for (int key = 0; key < kUnits; ++key) let_another_host_hold(folder, key, 70s);
  std::vector<pid_t> processes;
  for (int process = 0; process < 6; ++process) {
    processes.push_back(start([&] {
      Leases leases(folder.path());
      for (int key = 0; key < kUnits; ++key) {
        *ready += 1;
        while (*ready < 6 * (key + 1)) std::this_thread::yield();  // all at once
        notes->taken[key] += leases.take(key) == Claim::kTaken ? 1 : 0;
      }
      *ready += 1;
      while (*ready < 6 * (kUnits + 1)) pause(1ms);
    }));
  }
  wait_for_all(processes);
  EXPECT_THAT(values_of(notes->taken), Each(1));
}

/// Works at groups of units, one group after the other, until all units are done.
void work_at_all(Notes& notes, const std::filesystem::path& folder,
                 std::chrono::milliseconds lifetime) {
  constexpr int kGroup = 12;
  Leases leases(folder, lifetime);
  std::minstd_rand random(::getpid());
  for (int first = 0; first < kUnits;) {
    int done = 0;
    for (int i = 0; i < kGroup; ++i) {
      const int key = first + (i + ::getpid()) % kGroup;
      const Claim claim = leases.take(key);
      done += claim == Claim::kDone ? 1 : 0;
      if (claim != Claim::kTaken) continue;
      ++notes.taken[key];
      const pid_t before = notes.worker[key].exchange(::getpid());
      if (before != 0 && ::kill(before, 0) == 0) ++notes.overlaps;
      pause(std::chrono::milliseconds(random() % 8));
      pid_t self = ::getpid();
      notes.worker[key].compare_exchange_strong(self, 0);
      if (random() % 8 == 0) {
        leases.release(key);
      } else {
        ++(leases.finish(key) ? notes.finished[key] : notes.lost);
      }
    }
    if (done == kGroup) first += kGroup;
  }
}

/// Lets 6 processes work at all units. Stops up to 3 of them at random moments, again and again: by
/// SIGKILL, and others take their place, or by SIGSTOP for longer than the lifetime. Returns how
/// many were killed at work.
int disturb(Notes& notes, const std::filesystem::path& folder, std::chrono::milliseconds lifetime,
            int signal, int times) {
  std::minstd_rand random(1);
  const auto start_one = [&] { return start([&] { work_at_all(notes, folder, lifetime); }); };
  std::vector<pid_t> processes;
  for (int process = 0; process < 6; ++process) processes.push_back(start_one());
  int killed = 0;
  for (int i = 0; i < times; ++i) {
    pause(std::chrono::milliseconds(random() % 30));
    std::ranges::shuffle(processes, random);
    const auto some = std::span(processes).first(1 + random() % 3);
    for (const pid_t process : some) ::kill(process, signal);
    if (signal == SIGSTOP) {
      pause(3 * lifetime);
      for (const pid_t process : some) ::kill(process, SIGCONT);
    } else {
      for (pid_t& process : some) {
        killed += WIFSIGNALED(wait_for(process)) ? 1 : 0;
        process = start_one();
      }
    }
  }
  wait_for_all(processes);
  return killed;
}

void expect_all_are_marked_as_done(const TemporaryFolder& folder) {
  Leases leases(folder.path());
  for (int key = 0; key < kUnits; ++key) EXPECT_EQ(leases.take(key), Claim::kDone);
}

TEST(LeasesUnderStress, LetEachUnitBeDoneOnceWhoeverIsKilled) {
  const TemporaryFolder folder;
  Shared<Notes> notes;
  const int killed = disturb(*notes, folder.path(), 60s, SIGKILL, 30);
  EXPECT_GE(killed, 15);
  EXPECT_EQ(notes->overlaps, 0);  // nobody was paused for longer than its lifetime
  EXPECT_EQ(notes->lost, 0);
  // Who is killed between the mark and the note of it leaves none.
  EXPECT_THAT(values_of(notes->finished), Each(Le(1)));
  EXPECT_LE(std::ranges::count(values_of(notes->finished), 0), killed);
  expect_all_are_marked_as_done(folder);
}

TEST(LeasesUnderStress, LetEachUnitBeDoneOnceWhoeverIsKilledWithAShortLifetime) {
  const TemporaryFolder folder;
  Shared<Notes> notes;
  const int killed = disturb(*notes, folder.path(), 5ms, SIGKILL, 20);
  EXPECT_GE(killed, 10);
  EXPECT_THAT(values_of(notes->finished), Each(Le(1)));
  EXPECT_LE(std::ranges::count(values_of(notes->finished), 0), killed);
  expect_all_are_marked_as_done(folder);
}

TEST(LeasesUnderStress, LetEachUnitBeDoneOnceWhoeverIsPausedTooLong) {
  const TemporaryFolder folder;
  Shared<Notes> notes;
  disturb(*notes, folder.path(), 25ms, SIGSTOP, 20);
  EXPECT_GE(notes->lost, 1);  // two were at one unit
  EXPECT_THAT(values_of(notes->finished), Each(1));
  expect_all_are_marked_as_done(folder);
}

TEST(LeasesUnderStress, LeaveOnlyMarksWhereNobodyIsKilled) {
  const TemporaryFolder folder;
  Shared<Notes> notes;
  std::vector<pid_t> processes;
  for (int process = 0; process < 6; ++process) {
    processes.push_back(start([&] { work_at_all(*notes, folder.path(), 60s); }));
  }
  wait_for_all(processes);
  EXPECT_EQ(notes->overlaps, 0);
  EXPECT_EQ(notes->lost, 0);
  EXPECT_THAT(values_of(notes->finished), Each(1));
  EXPECT_THAT(names_in(folder), ::testing::SizeIs(kUnits));
  EXPECT_THAT(names_in(folder), Each(::testing::EndsWith(".done")));
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

TEST(SharedValue, IsTheSameForProcessesThatMakeItAtOnce) {
  const TemporaryFolder folder;
  Shared<std::array<std::atomic<int>, 8>> values;
  std::vector<pid_t> processes;
  for (int process = 0; process < 8; ++process) {
    processes.push_back(start([&] {
      Leases leases(folder.path());
      values->at(process) =
          std::stoi(leases.shared_value("seed", [&] { return std::to_string(process + 1); }));
    }));
  }
  wait_for_all(processes);
  const int first = values->at(0);
  EXPECT_THAT(first, Gt(0));
  for (const auto& value : *values) EXPECT_EQ(value, first);
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
