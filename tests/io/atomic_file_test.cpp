#include "io/atomic_file.h"

#include <set>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "io/temporary_file.h"
#include "pictures_support.h"

namespace sd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const Bytes kNew = to_bytes("new");
const Bytes kOld = to_bytes("old");

TEST(WriteFile, WritesWholeFilesAndLeavesNothingElse) {
  const TemporaryFolder folder;
  const Bytes large = noise_bytes(1, 3'000'000);
  for (const OnExist on_exist :
       {OnExist::kOverwrite, OnExist::kFail, OnExist::kRename, OnExist::kSkip}) {
    const auto path = folder / ("file" + std::to_string(static_cast<int>(on_exist)));
    EXPECT_EQ(write_file_atomically(path, large, on_exist), path);
    EXPECT_EQ(file_bytes(path), large);
  }
  EXPECT_EQ(write_file_atomically(folder / "empty", {}, OnExist::kFail), folder / "empty");
  EXPECT_THAT(folder.names(), UnorderedElementsAre("file0", "file1", "file2", "file3", "empty"));
}

TEST(WriteFile, DoesAsToldWhereTheFileExists) {
  const TemporaryFolder folder;
  const auto path = folder / "a.png";
  write_bytes(path, kOld);
  expect_error([&] { write_file_atomically(path, kNew, OnExist::kFail); }, ErrorKind::kOutput,
               "a file of that name exists");
  EXPECT_EQ(write_file_atomically(path, kNew, OnExist::kSkip), std::nullopt);
  EXPECT_EQ(write_file_atomically(path, kNew, OnExist::kRename), folder / "a-1.png");
  EXPECT_EQ(write_file_atomically(path, kNew, OnExist::kRename), folder / "a-2.png");
  EXPECT_EQ(file_bytes(path), kOld);
  EXPECT_EQ(file_bytes(folder / "a-2.png"), kNew);
  EXPECT_EQ(write_file_atomically(path, kNew, OnExist::kOverwrite), path);
  EXPECT_EQ(file_bytes(path), kNew);
  EXPECT_THAT(folder.names(), UnorderedElementsAre("a.png", "a-1.png", "a-2.png"));
}

TEST(WriteFile, WorksInTheCurrentFolder) {
  const TemporaryFolder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  EXPECT_EQ(write_file_atomically("a.png", kNew, OnExist::kRename), "a.png");
  EXPECT_EQ(write_file_atomically("a.png", kNew, OnExist::kRename), "a-1.png");
  std::filesystem::current_path(before);
  EXPECT_THAT(folder.names(), UnorderedElementsAre("a.png", "a-1.png"));
}

TEST(WriteFile, FollowsLinksWhenOverwriting) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "real");
  write_bytes(folder / "real" / "a.png", kOld);
  std::filesystem::create_symlink("real/a.png", folder / "link.png");
  write_file_atomically(folder / "link.png", kNew, OnExist::kOverwrite);
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link.png"));
  EXPECT_EQ(file_bytes(folder / "real" / "a.png"), kNew);
  // a dangling link counts as a name that is taken, and is not followed
  std::filesystem::create_symlink("nowhere", folder / "dangling");
  EXPECT_EQ(write_file_atomically(folder / "dangling", kNew, OnExist::kRename),
            folder / "dangling-1");
}

TEST(WriteFile, MakesTheFileThatALinkPromises) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "real");
  std::filesystem::create_symlink("real/a.png", folder / "inner.png");
  std::filesystem::create_symlink("inner.png", folder / "link.png");
  EXPECT_EQ(write_file_atomically(folder / "link.png", kNew, OnExist::kOverwrite),
            folder / "real/a.png");
  EXPECT_EQ(file_bytes(folder / "link.png"), kNew);
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link.png"));
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "inner.png"));
  std::filesystem::create_symlink("loop", folder / "loop");
  expect_error([&] { write_file_atomically(folder / "loop", kNew, OnExist::kOverwrite); },
               ErrorKind::kOutput, "symbolic links");
}

TEST(WriteFile, RenamesWithoutRaces) {
  const TemporaryFolder folder;
  constexpr int kThreads = 8;
  constexpr int kEach = 6;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&folder, t] {
      for (int i = 0; i < kEach; ++i) {
        const Bytes bytes = noise_bytes(t * kEach + i, 64);
        write_file_atomically(folder / "a.png", bytes, OnExist::kRename);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> contents;
  for (const std::string& name : folder.names()) {
    const Bytes bytes = file_bytes(folder / name);
    contents.emplace(bytes.begin(), bytes.end());
  }
  EXPECT_EQ(contents.size(), kThreads * kEach);
  EXPECT_EQ(folder.names().size(), kThreads * kEach);
}

TEST(WriteFile, ExplainsWhyItCannot) {
  const TemporaryFolder folder;
  const auto expect = [&](const std::filesystem::path& path, const std::string& part) {
    for (const OnExist on_exist : {OnExist::kOverwrite, OnExist::kRename}) {
      expect_error([&] { write_file_atomically(path, kNew, on_exist); }, ErrorKind::kOutput, part);
      expect_error([&] { check_file_can_be_written(path, on_exist); }, ErrorKind::kOutput, part);
    }
  };
  expect(folder / "missing" / "a.png", "missing' does not exist");
  expect(folder.path(), "it is a folder");
  expect(folder / "slash/", "the name of a file was expected");
  write_bytes(folder / "file", kOld);
  expect(folder / "file" / "a.png", "file' is not a folder");
  expect(folder / std::string(300, 'n'), "too long");
  expect("/dev/null", "pipe or device");
  expect("", "the name of a file was expected");
  EXPECT_THAT(folder.names(), ElementsAre("file"));
  EXPECT_EQ(file_bytes(folder / "file"), kOld);
}

TEST(WriteFile, ExplainsReadOnlyFolders) {
  const TemporaryFolder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
  const bool is_root = ::geteuid() == 0;  // for whom nothing is read-only
  if (is_root) {
    ASSERT_EQ(::seteuid(65534), 0);
  }
  expect_error([&] { write_file_atomically(folder / "a.png", kNew, OnExist::kOverwrite); },
               ErrorKind::kOutput, "may not be written to");
  if (is_root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
}

/// No file of this process may grow beyond `size` while this lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t size) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limited{size, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limited);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
};

TEST(WriteFile, LeavesTheOldFileAndNoTemporaryWhereWritingFails) {
  const TemporaryFolder folder;
  write_bytes(folder / "a.png", kOld);
  ::signal(SIGXFSZ, SIG_IGN);
  std::string message;
  {
    const FileSizeLimit limit(1000);
    try {
      write_file_atomically(folder / "a.png", Bytes(5000), OnExist::kOverwrite);
    } catch (const Error& error) {
      message = error.what();
    }
  }
  ::signal(SIGXFSZ, SIG_DFL);
  EXPECT_THAT(message, testing::HasSubstr("too large"));
  EXPECT_THAT(folder.names(), ElementsAre("a.png"));
  EXPECT_EQ(file_bytes(folder / "a.png"), kOld);
}

TEST(AtomicFile, AppearsAtItsCommitAndNeverWithoutOne) {
  const TemporaryFolder folder;
  {
    AtomicFile file(folder / "a", OnExist::kFail);
    file.write(kNew);
    EXPECT_FALSE(std::filesystem::exists(folder / "a"));
    file.write(kOld);
    EXPECT_EQ(file.commit(), folder / "a");
    EXPECT_EQ(file_bytes(folder / "a"), to_bytes("newold"));
  }
  { AtomicFile(folder / "b", OnExist::kFail).write(kNew); }
  EXPECT_THAT(folder.names(), ElementsAre("a"));
  expect_error([&] { AtomicFile(folder / "a", OnExist::kFail); }, ErrorKind::kOutput,
               "a file of that name exists");
}

/// Files left when a signal, met with `handler`, ends a process in the middle of a write.
std::vector<std::string> left_after_signal(void (*handler)(int)) {
  const TemporaryFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, handler);
    const FileSizeLimit limit(1000);
    write_file_atomically(folder / "a.png", Bytes(5000), OnExist::kOverwrite);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7);
  return folder.names();
}

TEST(RemoveLiveTemporaries, CleansUpInASignalHandler) {
  EXPECT_EQ(left_after_signal([](int) { ::_exit(7); }).size(), 1u);
  EXPECT_THAT(left_after_signal([](int) {
                remove_live_temporaries();
                ::_exit(7);
              }),
              IsEmpty());
}

TEST(RemoveLiveTemporaries, LeavesFinishedFilesAlone) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a.png", kNew, OnExist::kFail);
  remove_live_temporaries();
  EXPECT_THAT(folder.names(), ElementsAre("a.png"));
}

}  // namespace
}  // namespace sd
