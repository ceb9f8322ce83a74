#include "io/temporary_file.h"

#include <array>
#include <atomic>
#include <signal.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "io/atomic_file.h"
#include "pictures_support.h"
#include "tests/support/unprivileged.h"

namespace sd {
namespace {

using testing::ElementsAre;

/// Another process in the middle of writing a file in `folder`.
class Writer {
 public:
  explicit Writer(const std::filesystem::path& folder) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) std::abort();
    child_ = ::fork();
    if (child_ == 0) {
      TemporaryFile file(folder);
      file.write(to_bytes("half"));
      if (::write(ends[1], "x", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    char ready = 0;
    EXPECT_EQ(::read(ends[0], &ready, 1), 1);
    ::close(ends[0]);
    ::close(ends[1]);
  }
  ~Writer() { kill(); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void kill() {
    if (child_ == 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = 0;
  }

 private:
  pid_t child_ = 0;
};

TEST(RemoveLeftovers, TakesWhatADeadProcessLeftAndNothingOfALivingOne) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "a/b");
  write_bytes(folder / "a/picture.png", {});
  Writer living(folder.path());
  Writer other(folder / "a/b");
  EXPECT_EQ(remove_leftovers(folder.path()), 0);
  EXPECT_EQ(folder.names().size(), 2);
  other.kill();
  EXPECT_EQ(remove_leftovers(folder.path()), 1);
  EXPECT_TRUE(std::filesystem::is_empty(folder / "a/b"));
  living.kill();
  EXPECT_EQ(remove_leftovers(folder.path()), 1);
  EXPECT_THAT(folder.names(), ElementsAre("a"));
  EXPECT_TRUE(std::filesystem::exists(folder / "a/picture.png"));
}

TEST(RemoveLeftovers, LeavesTheTemporariesOfItsOwnProcess) {
  const TemporaryFolder folder;
  {
    TemporaryFile file(folder.path());
    EXPECT_EQ(remove_leftovers(folder.path()), 0);
    EXPECT_EQ(file.write(to_bytes("x")), 0);
    EXPECT_EQ(file.flush(), 0);
    EXPECT_EQ(remove_leftovers(folder.path()), 0) << "it is locked until it has its name";
    EXPECT_EQ(file.move_over((folder / "x").c_str()), 0);
  }
  EXPECT_THAT(folder.names(), ElementsAre("x"));
}

TEST(RemoveLeftovers, TakesNothingElse) {
  const TemporaryFolder folder;
  const TemporaryFolder outside;
  write_bytes(outside / ".sd-12.tmp", {});
  std::filesystem::create_directory_symlink(outside.path(), folder / "link");
  std::filesystem::create_symlink(outside / ".sd-12.tmp", folder / ".sd-13.tmp");
  std::filesystem::create_directory(folder / ".sd-14.tmp");
  ASSERT_EQ(::mkfifo((folder / ".sd-15.tmp").c_str(), 0666), 0);
  for (const char* name : {".sd-.tmp", ".sd-xyz.tmp", "sd-12.tmp", ".sd-12.tmp.png", ".sd-12"}) {
    write_bytes(folder / name, {});
  }
  const std::size_t before = folder.names().size();
  EXPECT_EQ(remove_leftovers(folder.path()), 0);
  EXPECT_EQ(folder.names().size(), before);
  EXPECT_THAT(outside.names(), ElementsAre(".sd-12.tmp"));
  EXPECT_EQ(remove_leftovers(folder / "missing"), 0);
}

TEST(RemoveLeftovers, LeavesWhatMayNotBeDeleted) {
  const TemporaryFolder folder;
  write_bytes(folder / ".sd-12.tmp", {});
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
  {
    const Unprivileged unprivileged;
    EXPECT_EQ(remove_leftovers(folder.path()), 0);
  }
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
  EXPECT_EQ(remove_leftovers(folder.path()), 1);
}

TEST(RemoveLeftovers, NeverTakesAFileFromUnderAWriterThatBegins) {
  const TemporaryFolder folder;
  std::atomic<bool> is_over = false;
  std::thread remover([&] {
    while (!is_over) remove_leftovers(folder.path());
  });
  constexpr int kFiles = 300;
  for (int i = 0; i < kFiles; ++i) {
    EXPECT_NO_THROW(
        write_file_atomically(folder / std::to_string(i), to_bytes("x"), OnExist::kFail));
  }
  is_over = true;
  remover.join();
  EXPECT_EQ(folder.names().size(), kFiles);
}

}  // namespace
}  // namespace sd
