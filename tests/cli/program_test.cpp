// The program itself, as a process of its own, with an engine library that is quick to load.

#include <array>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "io/read_picture.h"
#include "tests/cli/cli_fixture.h"

namespace sd::testing {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

namespace fs = std::filesystem;

/// A copy of the program with the library where it looks for it: bin/sd and lib/libsd_core.so.
class ProgramTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    fs::create_directories(folder_ / "models/install/bin");
    fs::create_directories(folder_ / "models/install/lib");
    fs::copy(SD_PROGRAM, program());
    fs::copy(SD_FAKE_CORE, library());
  }

  fs::path program() const { return folder_ / "models/install/bin/sd"; }
  fs::path library() const { return folder_ / "models/install/lib/libsd_core.so"; }

  /// Starts the program; its output goes to files (nullptr: standard output is closed).
  pid_t start(std::vector<std::string> arguments, const char* out = "models/out",
              const char* in = "/dev/null") {
    arguments.insert(arguments.begin(), "sd");
    std::vector<char*> words;
    for (std::string& argument : arguments) words.push_back(argument.data());
    words.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, in, O_RDONLY, 0);
    if (out != nullptr) {
      posix_spawn_file_actions_addopen(&files, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    } else {
      posix_spawn_file_actions_addclose(&files, 1);
    }
    posix_spawn_file_actions_addopen(&files, 2, "models/err", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pid_t child = -1;
    EXPECT_EQ(::posix_spawn(&child, program().c_str(), &files, nullptr, words.data(), environ), 0);
    posix_spawn_file_actions_destroy(&files);
    return child;
  }

  /// Waits for the end; a signal that was not caught counts as minus its number.
  static Outcome finish(pid_t child) {
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), read_file("models/out"),
            read_file("models/err")};
  }

  Outcome program(const std::vector<std::string>& arguments) { return finish(start(arguments)); }

  /// Until the program has said that it paints.
  static void wait_for_painting() {
    constexpr int kTries = 1000;
    for (int i = 0; i < kTries; ++i) {
      if (read_file("models/err").find("denoising") != std::string::npos) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << "it does not paint: " << read_file("models/err");
  }
};

TEST_F(ProgramTest, DoesNotLinkLibtorch) {
  set_variable("LD_TRACE_LOADED_OBJECTS", "1");  // the loader lists libraries in place of running
  const Outcome outcome = program({"--help"});
  unset_variable("LD_TRACE_LOADED_OBJECTS");
  EXPECT_THAT(outcome.out, HasSubstr("libpng"));
  EXPECT_THAT(outcome.out, Not(AnyOf(HasSubstr("torch"), HasSubstr("libc10"))));
}

TEST_F(ProgramTest, HelpNeedsNoEngine) {
  fs::remove(library());
  EXPECT_EQ(program({"txt2img", "--help"}).code, 0);
  EXPECT_EQ(program({"--version"}).code, 0);
  EXPECT_EQ(program({"txt2img", "-p", "x", "--steps", "0"}).code, 2);
  const Outcome outcome = program({"txt2img", "-p", "x", "-m", "tiny", "-s", "1"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("sd: error: the engine cannot be opened: libsd_core.so: "));
}

TEST_F(ProgramTest, PaintsWithTheLibraryBesideIt) {
  const Outcome outcome = program({"txt2img", "-p", "x", "-m", "tiny", "-s", "1"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "sd-1.png\n");
  EXPECT_EQ(read_picture("sd-1.png").width, 8);
}

TEST_F(ProgramTest, FindsModelsInTheFoldersAboveIt) {
  unset_variable("SD_MODELS");
  make_model("models/install/share/sd/models/shapes-sd1");
  const Outcome outcome = program({"txt2img", "-p", "x", "-s", "1", "-v"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(
      outcome.err,
      HasSubstr("model " + (folder_ / "models/install/share/sd/models/shapes-sd1").string()));
}

TEST_F(ProgramTest, ReadsPromptsFromStandardInput) {
  write_file("models/in", "one\ntwo");
  const Outcome outcome = finish(
      start({"txt2img", "--from-file", "-", "-m", "tiny", "-s", "1"}, "models/out", "models/in"));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "sd-1.png\nsd-2.png\n");
  EXPECT_THAT(read_file("sd-2.png"), HasSubstr("two\nSteps: "));
  const Outcome empty = program({"txt2img", "--from-file", "-", "-m", "tiny"});
  EXPECT_EQ(empty.code, 2);
  EXPECT_THAT(empty.err, HasSubstr("standard input is empty"));
}

TEST_F(ProgramTest, RefusesALibraryThatIsNotTheEngine) {
  fs::remove(library());
  write_file(library(), "no library");
  const Outcome outcome = program({"txt2img", "-p", "x", "-m", "tiny"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr(library().string()));
}

TEST_F(ProgramTest, CatchesWhatTheLibraryThrows) {
  const auto with = [&](const char* prompt) {
    return program({"txt2img", "-p", prompt, "-m", "tiny", "-s", "1"});
  };
  EXPECT_EQ(program({"txt2img", "-p", "x", "-m", "tiny", "--variant", "missing"}).code, 3);
  EXPECT_EQ(with("numeric").code, 7);
  const Outcome foreign = with("foreign");
  EXPECT_EQ(foreign.code, 70);
  EXPECT_THAT(foreign.err, HasSubstr("sd: error: internal error: a bug\n"));
}

TEST_F(ProgramTest, TheFirstSignalStopsAtTheNextStep) {
  for (const auto& [signal, code] : {std::pair(SIGINT, 130), std::pair(SIGTERM, 143)}) {
    const pid_t child = start({"txt2img", "-p", "slow", "-m", "tiny", "-o", "a.png"});
    wait_for_painting();
    ::kill(child, signal);
    const Outcome outcome = finish(child);
    EXPECT_EQ(outcome.code, code);
    EXPECT_THAT(
        outcome.err,
        HasSubstr("sd: stopping as soon as the step at hand is done; a second signal stops at "
                  "once\n"));
    fs::remove("models/err");
  }
  EXPECT_THAT(files_here(), IsEmpty());
}

TEST_F(ProgramTest, TheSecondSignalEndsItAtOnce) {
  const pid_t child = start({"txt2img", "-p", "deaf", "-m", "tiny", "-o", "a.png"});
  wait_for_painting();
  ::kill(child, SIGINT);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(::waitpid(child, nullptr, WNOHANG), 0) << "one signal asks, it does not kill";
  ::kill(child, SIGTERM);
  EXPECT_EQ(finish(child).code, 143);
  EXPECT_THAT(files_here(), IsEmpty());
}

TEST_F(ProgramTest, ABrokenPipeEndsItQuietly) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  ::close(ends[0]);
  const std::string out = "/proc/self/fd/" + std::to_string(ends[1]);
  const pid_t child = start({"--help"}, out.c_str());
  ::close(ends[1]);
  const Outcome outcome = finish(child);
  EXPECT_EQ(outcome.code, -SIGPIPE);
  EXPECT_EQ(outcome.err, "");
}

TEST_F(ProgramTest, ABrokenPipeLosesNoPicture) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  ::close(ends[0]);
  const std::string out = "/proc/self/fd/" + std::to_string(ends[1]);
  const pid_t child =
      start({"txt2img", "-p", "x", "-m", "tiny", "-s", "1", "--count", "3"}, out.c_str());
  ::close(ends[1]);
  EXPECT_EQ(finish(child).code, -SIGPIPE);
  EXPECT_THAT(files_here(), ElementsAre("sd-1.png"));
  EXPECT_EQ(read_picture("sd-1.png").width, 8);
}

TEST_F(ProgramTest, AClosedStandardOutputIsAnError) {
  const Outcome outcome =
      finish(start({"txt2img", "-p", "x", "-m", "tiny", "-s", "1", "-q"}, nullptr));
  EXPECT_EQ(outcome.code, 5);
  EXPECT_EQ(outcome.err,
            "sd: error: standard output cannot be written: it is closed; the picture was saved as "
            "'sd-1.png'\n");
}

TEST_F(ProgramTest, AFullStandardOutputIsAnError) {
  EXPECT_EQ(finish(start({"--help"}, "/dev/full")).code, 5);
  const Outcome outcome =
      finish(start({"txt2img", "-p", "x", "-m", "tiny", "-s", "1"}, "/dev/full"));
  EXPECT_EQ(outcome.code, 5);
  EXPECT_THAT(outcome.err, HasSubstr("sd: error: standard output cannot be written: No space left "
                                     "on device; the picture was saved as 'sd-1.png'\n"));
  EXPECT_THAT(files_here(), ElementsAre("sd-1.png"));
  const Outcome bytes =
      finish(start({"txt2img", "-p", "x", "-m", "tiny", "-o", "-", "-q"}, "/dev/full"));
  EXPECT_EQ(bytes.code, 5);
  EXPECT_EQ(bytes.err, "sd: error: standard output cannot be written: No space left on device\n");
}

}  // namespace
}  // namespace sd::testing
