#include "core/memory.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <sys/resource.h>

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

#ifndef __SANITIZE_ADDRESS__  // which needs all addresses
TEST_F(Memory, UlimitCounts) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  rlimit tight = before;
  tight.rlim_cur = rlim_t{1} << 38;
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &tight), 0);
  const auto loosely = available_memory(c10::Device(c10::DeviceType::CPU));
  std::ifstream status("/proc/self/status");
  std::string word;
  double kilobytes = 0;
  while (word != "VmSize:") status >> word;
  status >> kilobytes;
  constexpr double kRoom = 1 << 26;
  tight.rlim_cur = static_cast<rlim_t>(kilobytes * 1024 + kRoom);
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &tight), 0);
  const auto bytes = available_memory(c10::Device(c10::DeviceType::CPU));
  ::setrlimit(RLIMIT_AS, &before);
  ASSERT_TRUE(loosely && bytes);
  EXPECT_GT(*loosely, kRoom);
  EXPECT_GT(*bytes, 0);
  EXPECT_LE(*bytes, kRoom);
}
#endif

TEST_F(Memory, ThisMachineHasSome) {
  const auto bytes = available_memory(c10::Device(c10::DeviceType::CPU));
  ASSERT_TRUE(bytes);
  EXPECT_GT(*bytes, 1e6);
  EXPECT_LT(*bytes, 1e15);
}

}  // namespace
}  // namespace sd
