#include <array>
#include <atomic>
#include <chrono>
#include <ctime>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "tests/jobs/job_file_support.h"
#include "tests/support/standard_input.h"

namespace sd {
namespace {

using testing::ElementsAre;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// A pipe, read under its name in /dev/fd as the shell's <(command).
class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) std::abort();
  }
  ~Pipe() {
    close();
    ::close(ends_[0]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  std::string path() const { return "/dev/fd/" + std::to_string(ends_[0]); }
  /// False once nobody can read any more.
  bool write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t count = ::write(ends_[1], text.data(), text.size());
      if (count < 0) return false;
      text.remove_prefix(static_cast<size_t>(count));
    }
    return true;
  }
  void close() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  std::array<int, 2> ends_{};
};

TEST(JobStream, GivesAJobAsSoonAsItIsComplete) {
  const std::vector<std::array<std::string, 3>> streams = {
      {"a red circle\n", "b\n", "c"},
      {"a --steps 3\r\n", "b\r\n", "c"},
      {"{\"prompt\": \"a\"}\n", "{\"prompt\": \"b\"}\n", "{\"prompt\": \"c\"}"},
      {"[\n{\"prompt\": \"a\"}", ",\n{\"prompt\": \"b\"}", ",{\"prompt\": \"c\"}]"},
      {"{\n\"prompt\": \"a\"\n}", "{\"prompt\": \"b\"}", "{\"prompt\": \"c\"}"},
      {"prompt,steps\na,3\n", "b,3\n", "c,3"},
      {"prompt\tsteps\na\t3\n", "b\t3\n", "c\t3"}};
  for (const auto& parts : streams) {
    Pipe pipe;
    pipe.write(parts[0]);
    const auto source = open_job_file(pipe.path(), {});
    EXPECT_EQ(source->next()->request.prompt[0], 'a') << parts[0];
    pipe.write(parts[1]);
    EXPECT_EQ(source->next()->request.prompt, "b") << parts[0];
    pipe.write(parts[2]);
    pipe.close();
    EXPECT_EQ(source->next()->request.prompt, "c") << parts[0];
    EXPECT_FALSE(source->next()) << parts[0];
  }
}

TEST(JobStream, ReadsPartsOfALineByteAfterByte) {
  const std::string text = "\xef\xbb\xbf{\"prompt\": \"\u96ea \U0001f600\"}\r\n{\"prompt\": \"b\"}";
  Pipe pipe;
  std::thread writer([&] {
    for (const char c : text) {
      pipe.write(std::string(1, c));
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    pipe.close();
  });
  const JobsRead found = read_all(*open_job_file(pipe.path(), {}));
  writer.join();
  EXPECT_THAT(found.errors, testing::IsEmpty());
  EXPECT_THAT(found.prompts(), ElementsAre("\u96ea \U0001f600", "b"));
}

TEST(JobStream, ReadsStandardInput) {
  const StandardInput input = StandardInput::pipe("a --init_img b.png\nb --steps 0\n");
  const auto source = open_job_file("-", {});
  const std::optional<Job> job = source->next();
  ASSERT_TRUE(job);
  EXPECT_EQ(job->init_image, "b.png") << "from the current folder";
  EXPECT_EQ(print_place(job->place), "standard input:1");
  EXPECT_EQ(error_of([&] { source->next(); }, ErrorKind::kUsage),
            "standard input:2:3: steps expects a whole number from 1 to 1000, found '0'");
  EXPECT_FALSE(source->next());
}

TEST(JobStream, TakesPathsInAPipeFromTheCurrentFolder) {
  Pipe pipe;
  pipe.write("a --init_img b.png\n");
  EXPECT_EQ(open_job_file(pipe.path(), {})->next()->init_image, "b.png");
}

TEST(JobStream, WaitsForTheWriterOfAFifo) {
  const TemporaryFolder folder;
  const std::string path = folder / "fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  std::thread writer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    std::ofstream(path) << "a\nb\n";
  });
  const JobsRead found = read_all(*open_job_file(path, {}));
  writer.join();
  EXPECT_THAT(found.prompts(), ElementsAre("a", "b"));
}

TEST(JobStream, StopsWhileItWaits) {
  Pipe pipe;
  std::atomic<bool> is_stopped = false;
  std::thread stopper;
  const auto expect_stop = [&](const std::function<void()>& work) {
    is_stopped = false;
    Clock::time_point stopped;
    stopper = std::thread([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(150));
      stopped = Clock::now();
      is_stopped = true;
    });
    error_of(work, ErrorKind::kInterrupted);
    stopper.join();
    EXPECT_LT(seconds_since(stopped), 1.0);
  };
  const auto ask = [&] { return is_stopped.load(); };
  expect_stop([&] { open_job_file(pipe.path(), {}, std::nullopt, ask); });
  is_stopped = false;
  pipe.write("a\nb");
  const auto source = open_job_file(pipe.path(), {}, std::nullopt, ask);
  EXPECT_EQ(source->next()->request.prompt, "a");
  expect_stop([&] { source->next(); });
  is_stopped = false;
  pipe.write("c\n");
  EXPECT_EQ(source->next()->request.prompt, "bc") << "nothing that came was lost";
}

constexpr double kMostBytes = 8e6;  // that may be needed; a million lines are 60 MB

/// Bytes of memory that this process holds now.
double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double all = 0;
  double resident = 0;
  file >> all >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

/// Seconds that this thread has worked, whatever else the machine does.
double core_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// Reads a million jobs from a pipe: `line` has the number of each in the place of its #.
void expect_a_million(const std::string& head, const std::string& line) {
#ifdef __SANITIZE_ADDRESS__
  constexpr int kJobs = 100'000;
#else
  constexpr int kJobs = 1'000'000;
#endif
  // Of a core, against what grows with the square of the lines. `sd` needs 2 to 3; here the inline
  // functions of the standard library that the linker keeps may be those of a test, unoptimised.
  constexpr double kMostSeconds = 60;
  Pipe pipe;
  std::thread writer([&] {
    const size_t number = line.find('#');
    std::string block = head;
    for (int i = 0; i < kJobs; ++i) {
      block += line.substr(0, number) + std::to_string(i) + line.substr(number + 1) + "\n";
      if (block.size() > 60000 || i + 1 == kJobs) {
        if (!pipe.write(block)) break;
        block.clear();
      }
    }
    pipe.close();
  });
  const double begin = core_seconds();
  const auto source = open_job_file(pipe.path(), {});
  double first_bytes = 0;
  double most_bytes = 0;
  uint64_t jobs = 0;
  while (const auto job = source->next()) {
    ASSERT_EQ(job->seed, jobs);
    ++jobs;
    if (jobs == 1000) first_bytes = resident_bytes();
    if (jobs % 100'000 == 0) most_bytes = std::max(most_bytes, resident_bytes());
  }
  writer.join();
  EXPECT_EQ(jobs, kJobs);
#ifndef __SANITIZE_ADDRESS__  // which keeps what was freed
  EXPECT_LT(most_bytes - first_bytes, kMostBytes);
#endif
  EXPECT_LT(core_seconds() - begin, kMostSeconds);
}

TEST(JobStream, HoldsNoMoreOfALineThanItsLimit) {
  for (const std::string begin :
       {"", "{\"prompt\": \"", "[{\"prompt\": \"", "prompt,steps\n", "prompt,steps\n\""}) {
    constexpr int kBlocks = 3000;  // of 60 kB, 180 MB
    Pipe pipe;
    std::thread writer([&] {
      const std::string block(60000, 'a');
      pipe.write(begin);
      for (int i = 0; i < kBlocks && pipe.write(block); ++i) continue;
      pipe.close();
    });
    const double before = resident_bytes();
    const JobsRead found = read_all(*open_job_file(pipe.path(), {}));
    writer.join();
    EXPECT_THAT(found.jobs, testing::IsEmpty());
    EXPECT_FALSE(found.errors.empty());
    EXPECT_LT(found.errors.size(), 3U);
#ifndef __SANITIZE_ADDRESS__
    EXPECT_LT(resident_bytes() - before, kMostBytes) << begin;
#endif
  }
}

TEST(JobStream, ReadsAMillionLinesOfText) {
  expect_a_million("", "a red circle on a blue background --steps 20 --seed #");
}

TEST(JobStream, ReadsAMillionJsonLines) {
  expect_a_million(
      "", "{\"prompt\": \"a red circle on a blue background\", \"steps\": 20, \"seed\": #}");
}

TEST(JobStream, ReadsAMillionObjects) {
  expect_a_million("", "{\n  \"prompt\": \"a red circle on a blue background\",\n  \"seed\": #\n}");
}

TEST(JobStream, ReadsAMillionRecords) {
  expect_a_million("prompt,steps,seed\n", "\"a red circle, on a blue background\",20,#");
}

}  // namespace
}  // namespace sd
