#include "core/memory.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

namespace sd {
namespace {

namespace fs = std::filesystem;

class Memory : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
  }

  const fs::path folder_ = fs::path(::testing::TempDir()) / "sd_memory_test";
};

TEST_F(Memory, FreeIsWhatTheKernelCallsAvailableAndSwap) {
  write("meminfo", "MemTotal:  1000 kB\nMemFree:  1 kB\nMemAvailable:  300 kB\nSwapFree: 20 kB\n");
  EXPECT_EQ(read_free_memory(folder_ / "meminfo"), 320.0 * 1024);
  write("meminfo", "MemTotal:  1000 kB\n");
  EXPECT_FALSE(read_free_memory(folder_ / "meminfo"));
  EXPECT_FALSE(read_free_memory(folder_ / "missing"));
}

TEST_F(Memory, GroupOfVersion2AllowsItsLimitLessWhatIsNoCache) {
  write("memory.max", "5000\n");
  write("memory.stat", "anon 1200\nfile 3000\n");
  EXPECT_EQ(read_group_allowance(folder_), 3800.0);
  write("memory.max", "max\n");
  EXPECT_FALSE(read_group_allowance(folder_));
}

TEST_F(Memory, GroupOfVersion1AllowsItsLimitLessWhatIsNoCache) {
  write("memory.limit_in_bytes", "5000\n");
  write("memory.stat", "cache 3000\nrss 5200\n");
  EXPECT_EQ(read_group_allowance(folder_), 0.0);
  write("memory.stat", "cache 3000\nrss 4000\n");
  EXPECT_EQ(read_group_allowance(folder_), 1000.0);
}

TEST_F(Memory, ThisMachineHasSome) {
  const auto bytes = available_memory(c10::Device(c10::DeviceType::CPU));
  ASSERT_TRUE(bytes);
  EXPECT_GT(*bytes, 1e6);
  EXPECT_LT(*bytes, 1e15);
}

}  // namespace
}  // namespace sd
