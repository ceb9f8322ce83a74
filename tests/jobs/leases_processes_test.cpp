#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "jobs/leases.h"
#include "tests/jobs/lease_files.h"
#include "tests/jobs/processes.h"

namespace sd {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::Gt;
using ::testing::Le;
using ::testing::UnorderedElementsAre;

void pause(std::chrono::milliseconds time) { std::this_thread::sleep_for(time); }

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

/// A process that takes the unit 7 with a short lifetime, and then goes on when told.
struct PausedHolder {
  struct State {
    std::atomic<bool> has_taken;
    std::atomic<bool> goes_on;
    std::atomic<bool> still_held;
    std::atomic<bool> finished;
  };

  explicit PausedHolder(const TemporaryFolder& folder, bool asks_first = false) {
    process = start([&, asks_first] {
      Leases leases(folder.path(), 150ms);
      state->has_taken = leases.take(7) == Claim::kTaken;
      while (!state->goes_on) pause(5ms);
      if (asks_first) state->still_held = leases.still_held(7);
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
  EXPECT_FALSE(holder.state->finished);
  EXPECT_TRUE(leases.still_held(7));
  EXPECT_TRUE(leases.finish(7));
  EXPECT_THAT(names_in(folder), UnorderedElementsAre("7.done"));
}

TEST(Leases, AreLostByAPauseDuringWhichAnotherFinished) {
  const TemporaryFolder folder;
  PausedHolder holder(folder, true);
  Leases leases(folder.path());
  EXPECT_EQ(leases.take(7), Claim::kTaken);
  EXPECT_TRUE(leases.finish(7));
  holder.go_on();
  EXPECT_FALSE(holder.state->still_held);
  EXPECT_FALSE(holder.state->finished);
}

TEST(Leases, OutlastAPauseDuringWhichNobodyAskedForThem) {
  const TemporaryFolder folder;
  PausedHolder holder(folder, true);
  holder.go_on();
  EXPECT_TRUE(holder.state->still_held);
  EXPECT_TRUE(holder.state->finished);
}

constexpr int kUnits = 180;  // a multiple of the groups'

/// What processes note about the units that they work on.
struct Notes {
  std::array<std::atomic<pid_t>, kUnits> worker;  ///< the last to take it, 0 after it finished
  std::array<std::atomic<int>, kUnits> finished;  ///< how often finish() was true
  std::array<std::atomic<int>, kUnits> taken;
  std::atomic<int> overlaps;  ///< two living processes at one unit
  std::atomic<int> lost;      ///< how often finish() was false
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

TEST(Leases, ThatWereMarkedBeforeAreTakenAgainByOneOfMany) {
  constexpr int kMarked = 40;
  const TemporaryFolder folder;
  Shared<Notes> notes;
  Shared<std::atomic<int>> ready;
  {
    Leases before(folder.path());
    for (int key = 0; key < kMarked; ++key) {
      before.take(key);
      before.finish(key);
    }
  }
  std::vector<pid_t> processes;
  for (int process = 0; process < 6; ++process) {
    processes.push_back(start([&] {
      Leases leases(folder.path());
      ++*ready;
      while (*ready < 6) pause(1ms);  // all see that the work is missing
      for (int key = 0; key < kMarked; ++key) {
        if (leases.take_again(key) != Claim::kTaken) continue;
        ++notes->taken[key];
        if (leases.finish(key)) ++notes->finished[key];
      }
    }));
  }
  wait_for_all(processes);
  for (int key = 0; key < kMarked; ++key) {
    EXPECT_EQ(notes->taken[key], 1);
    EXPECT_EQ(notes->finished[key], 1);
  }
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

}  // namespace
}  // namespace sd
