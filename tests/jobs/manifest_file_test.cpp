#include <array>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "manifest_support.h"
#include "tests/support/errors.h"
#include "tests/support/unprivileged.h"

namespace sd {
namespace {

using testing::ElementsAre;

class ManifestFileTest : public ::testing::Test {
 protected:
  std::string text() const { return read_text(path_); }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "manifest.jsonl";
  ManifestLine run_ = some_run();
  ManifestLine first_ = make_image(folder_, 0);
  ManifestLine second_ = make_image(folder_, 1);
};

TEST_F(ManifestFileTest, GrowsLineByLine) {
  {
    ManifestWriter writer(path_);
    EXPECT_EQ(text(), "");
    writer.add(run_);
    EXPECT_EQ(text(), print_manifest_line(run_) + "\n");
    writer.add(first_);
  }
  write_manifest(path_, {some_run(2000), second_, some_failure(2)});
  EXPECT_THAT(read_manifest(path_), ElementsAre(run_, first_, ManifestLine(some_run(2000)), second_,
                                                ManifestLine(some_failure(2))));
}

TEST_F(ManifestFileTest, ReaderFollowsAWriter) {
  ManifestWriter writer(path_);
  writer.add(run_);
  ManifestReader reader(path_);
  EXPECT_EQ(reader.next(), run_);
  EXPECT_EQ(reader.offset(), 0);
  EXPECT_EQ(reader.next(), std::nullopt);
  writer.add(first_);
  EXPECT_EQ(reader.next(), first_);
  EXPECT_EQ(reader.offset(), print_manifest_line(run_).size() + 1);
  EXPECT_EQ(reader.text(), print_manifest_line(first_));
}

TEST_F(ManifestFileTest, AHalfWrittenLastLineDoesNotCountAndIsCutOff) {
  write_manifest(path_, {run_, first_});
  const std::string whole = text();
  const std::string line = print_manifest_line(second_);
  for (const std::string& half : {std::string("{"), line.substr(0, line.size() / 2), line,
                                  std::string(20000, '\0'), std::string("\xc3")}) {
    folder_.write("manifest.jsonl", whole + half);
    EXPECT_THAT(read_manifest(path_), ElementsAre(run_, first_)) << half.size();
    { const ManifestWriter writer(path_); }
    EXPECT_EQ(text(), whole);
  }
  folder_.write("manifest.jsonl", "{\"kind\":\"ru");
  EXPECT_THAT(read_manifest(path_), ElementsAre());
  write_manifest(path_, {run_});
  EXPECT_THAT(read_manifest(path_), ElementsAre(run_));
}

TEST_F(ManifestFileTest, AnyOtherDamageIsAnErrorWithFileAndLine) {
  write_manifest(path_, {run_, first_, second_});
  std::string damaged = text();
  damaged[damaged.find('\n') + 30] = '\0';
  folder_.write("manifest.jsonl", damaged);
  expect_error([&] { read_manifest(path_); }, ErrorKind::kInput,
               path_.string() + ":2: it is no JSON object, the line is damaged");
  folder_.write("manifest.jsonl", print_manifest_line(first_) + "\n");
  expect_error([&] { read_manifest(path_); }, ErrorKind::kInput,
               path_.string() + ":1: expected a line of the kind run before all others");
  folder_.write("manifest.jsonl", print_manifest_line(run_) + "\n\n");
  expect_error([&] { read_manifest(path_); }, ErrorKind::kInput, path_.string() + ":2: ");
  folder_.write("manifest.jsonl", std::string((64 << 20) + 1, 'x') + "\n");
  expect_error([&] { read_manifest(path_); }, ErrorKind::kInput,
               ":1: has more than 67108864 bytes, the file is damaged");
}

TEST_F(ManifestFileTest, RunsNeverStartBeforeThoseAboveThem) {
  write_manifest(path_, {some_run(2000), first_, some_run(1000), second_, some_run(3000)});
  ManifestReader reader(path_);
  for (const std::uint32_t started : {2000, 2000, 2000, 2000, 3000}) {
    ASSERT_TRUE(reader.next());
    EXPECT_EQ(reader.started(), started) << "the clock was put back";
  }
}

TEST_F(ManifestFileTest, AManifestWithoutALineGoes) {
  {
    const ManifestWriter writer(path_);
    EXPECT_TRUE(std::filesystem::exists(path_));
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ManifestFileTest, TwoWritersAreOneClearError) {
  const std::string message = "'" + path_.string() +
                              "' is in use by another process: wait until it ends, or write into "
                              "another folder";
  {
    const ManifestWriter writer(path_);
    EXPECT_EQ(error_of([&] { ManifestWriter second(path_); }, ErrorKind::kTemporary), message);
  }
  EXPECT_NO_THROW(ManifestWriter{path_}) << "the first one ended";
}

TEST_F(ManifestFileTest, TheLockGoesWithTheProcessThatHasIt) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const ManifestWriter writer(path_);
    if (::write(ends[1], "x", 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char ready = 0;
  ASSERT_EQ(::read(ends[0], &ready, 1), 1);
  expect_error([&] { ManifestWriter second(path_); }, ErrorKind::kTemporary, "is in use");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_NO_THROW(ManifestWriter{path_});
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(ManifestFileTest, SaysWhyItCannotBeWritten) {
  const auto expect = [](const std::filesystem::path& path, const std::string& part) {
    EXPECT_EQ(error_of([&] { ManifestWriter writer(path); }, ErrorKind::kOutput),
              "cannot write '" + path.string() + "': " + part);
  };
  expect(folder_ / "missing/manifest.jsonl",
         "the folder '" + (folder_ / "missing").string() + "' does not exist");
  expect(folder_.path(), "Is a directory");
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0666), 0);
  expect(folder_ / "pipe", "it is a pipe or device, not a regular file");
  std::filesystem::permissions(folder_.path(), std::filesystem::perms(0555));
  {
    const Unprivileged unprivileged;
    expect(path_, "it may not be written");
  }
  std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
}

TEST_F(ManifestFileTest, AFullDiskLeavesNoHalfLine) {
  ManifestWriter writer(path_);
  writer.add(run_);
  const std::string before = text();
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  const rlimit small{before.size() + 50, limit.rlim_max};
  ::signal(SIGXFSZ, SIG_IGN);
  ::setrlimit(RLIMIT_FSIZE, &small);
  const std::string message = error_of([&] { writer.add(first_); }, ErrorKind::kOutput);
  ::setrlimit(RLIMIT_FSIZE, &limit);
  ::signal(SIGXFSZ, SIG_DFL);
  EXPECT_EQ(message, "cannot write '" + path_.string() + "': File too large");
  EXPECT_EQ(text(), before);
  writer.add(second_);
  EXPECT_THAT(read_manifest(path_), ElementsAre(run_, second_));
}

TEST_F(ManifestFileTest, SaysWhyItCannotBeRead) {
  expect_error([&] { ManifestReader(folder_ / "missing"); }, ErrorKind::kInput,
               "missing': No such file");
  expect_error([&] { read_manifest(folder_.path()); }, ErrorKind::kInput, "Is a directory");
}

}  // namespace
}  // namespace sd
