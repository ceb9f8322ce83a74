#include "io/model_hash.h"

#include <chrono>
#include <gtest/gtest.h>

#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

class ModelHashTest : public ::testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& text) const {
    return folder_.write(name, text);
  }

  TemporaryFolder folder_;
  fs::path cache_ = folder_ / "cache/hashes";
};

// Test vectors of FIPS 180-2, appendix B.
TEST_F(ModelHashTest, IsSha256) {
  EXPECT_EQ(hash_files({write("a", "abc")}),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash_files({write("b", std::string(1000000, 'a'))}),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_F(ModelHashTest, SeveralFilesAreOne) {
  const fs::path one = write("1", "ab");
  const fs::path two = write("2", "c");
  EXPECT_EQ(hash_files({one, two}), hash_files({write("a", "abc")}));
  EXPECT_NE(hash_files({two, one}), hash_files({one, two}));
}

TEST_F(ModelHashTest, StopsWhenAsked) {
  EXPECT_EQ(hash_files({write("a", "abc")}, [] { return true; }), std::nullopt);
}

TEST_F(ModelHashTest, NamesAFileThatIsNotThere) {
  expect_error([&] { hash_files({folder_ / "gone"}); }, ErrorKind::kModel, "gone");
}

TEST_F(ModelHashTest, IsRememberedAsLongAsTheFileIsTheSame) {
  const fs::path file = write("a", "abc");
  EXPECT_EQ(remembered_hash({file}, cache_), std::nullopt);
  remember_hash({file}, std::string(64, 'f'), cache_);
  EXPECT_EQ(remembered_hash({file}, cache_), std::string(64, 'f'));
  EXPECT_EQ(remembered_hash({file, file}, cache_), std::nullopt);

  fs::last_write_time(file, fs::last_write_time(file) + std::chrono::nanoseconds(1000));
  EXPECT_EQ(remembered_hash({file}, cache_), std::nullopt) << "another time";
  remember_hash({file}, std::string(64, 'e'), cache_);
  EXPECT_EQ(remembered_hash({file}, cache_), std::string(64, 'e'));

  const auto time = fs::last_write_time(file);
  fs::rename(write("b", "abd"), file);
  fs::last_write_time(file, time);
  EXPECT_EQ(remembered_hash({file}, cache_), std::nullopt) << "another inode";
}

TEST_F(ModelHashTest, ABrokenMemoryIsNoMemory) {
  const fs::path file = write("a", "abc");
  remember_hash({file}, std::string(64, 'f'), cache_);
  for (const fs::directory_entry& entry : fs::directory_iterator(cache_)) {
    fs::resize_file(entry.path(), 70);
  }
  EXPECT_EQ(remembered_hash({file}, cache_), std::nullopt);
  EXPECT_FALSE(remember_hash({file}, std::string(64, 'f'), ""));
  EXPECT_FALSE(remember_hash({file}, std::string(64, 'f'), "/dev/null/hashes"));
  EXPECT_EQ(remembered_hash({file}, "/dev/null/hashes"), std::nullopt);
}

}  // namespace
}  // namespace sd
