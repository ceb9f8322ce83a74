#include "core/block_cache.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <new>
#include <set>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <vector>

#include "core/cpu_allocator.h"
#include "core/tensor_ops.h"

namespace sd {
namespace {

constexpr size_t kMegabyte = size_t{1} << 20;

/// What /proc/self/status says behind a word, in bytes.
size_t own_memory(const std::string& word) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(word)) return std::stoul(line.substr(word.size())) * 1024;
  }
  return 0;
}

TEST(BlockCache, BlocksAreAlignedAndApart) {
  BlockCache cache;
  std::vector<void*> blocks;
  for (const size_t bytes : {size_t{1}, kMegabyte, 3 * kMegabyte + 5}) {
    void* block = cache.take(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % BlockCache::kAlignment, 0);
    std::memset(block, static_cast<int>(blocks.size() + 1), bytes);
    blocks.push_back(block);
  }
  EXPECT_EQ(*static_cast<char*>(blocks[0]), 1);
  EXPECT_EQ(static_cast<char*>(blocks[1])[kMegabyte - 1], 2);
  for (void* block : blocks) EXPECT_TRUE(cache.give_back(block));
  EXPECT_EQ(cache.used_bytes(), 0);
}

TEST(BlockCache, TheNextOfAboutThatSizeGetsAKeptBlock) {
  BlockCache cache;
  void* first = cache.take(8 * kMegabyte);
  ASSERT_TRUE(cache.give_back(first));
  EXPECT_EQ(cache.unused_bytes(), 8 * kMegabyte);
  EXPECT_EQ(cache.take(7.5 * kMegabyte), first);  // within an eighth
  EXPECT_EQ(cache.unused_bytes(), 0);
  EXPECT_EQ(cache.used_bytes(), 8 * kMegabyte);
  ASSERT_TRUE(cache.give_back(first));
  void* small = cache.take(4 * kMegabyte);
  EXPECT_NE(small, first);  // half of it would lie idle
  cache.give_back(small);
}

TEST(BlockCache, NeverHoldsMoreThanWasOnceInUse) {
  BlockCache cache;
  size_t most = 0;
  std::vector<void*> blocks;
  for (const size_t megabytes : {9, 1, 30, 2, 17, 5, 3, 40, 4, 11}) {
    blocks.push_back(cache.take(megabytes * kMegabyte));
    most = std::max(most, cache.used_bytes());
    EXPECT_LE(cache.used_bytes() + cache.unused_bytes(), most);
    if (blocks.size() % 3 == 0) {
      for (void* block : blocks) cache.give_back(block);
      blocks.clear();
    }
    EXPECT_LE(cache.used_bytes() + cache.unused_bytes(), most);
  }
  for (void* block : blocks) cache.give_back(block);
}

TEST(BlockCache, UnusedBlocksGoBackToTheSystem) {
  BlockCache cache;
  const size_t before = own_memory("VmRSS:");
  void* block = cache.take(64 * kMegabyte);
  std::memset(block, 1, 64 * kMegabyte);
  cache.give_back(block);
  EXPECT_GT(own_memory("VmRSS:"), before + 50 * kMegabyte);
  cache.release_unused();
  EXPECT_LT(own_memory("VmRSS:"), before + 14 * kMegabyte);
  EXPECT_EQ(cache.unused_bytes(), 0);
}

TEST(BlockCache, KnowsItsOwnBlocks) {
  BlockCache cache;
  BlockCache other;
  void* block = other.take(kMegabyte);
  int on_the_stack = 0;
  EXPECT_FALSE(cache.give_back(block));
  EXPECT_FALSE(cache.give_back(&on_the_stack));
  EXPECT_FALSE(cache.give_back(nullptr));
  EXPECT_TRUE(other.give_back(block));
}

TEST(BlockCache, WhatCannotBeHadIsBadAlloc) {
  BlockCache cache;
  EXPECT_THROW(cache.take(SIZE_MAX), std::bad_alloc);
  EXPECT_THROW(cache.take(SIZE_MAX / 2), std::bad_alloc);
  EXPECT_EQ(cache.used_bytes(), 0);
}

#ifndef __SANITIZE_ADDRESS__  // which needs all addresses
// Where memory runs out, the unused blocks are the first to go.
TEST(BlockCache, UnusedBlocksMakeRoom) {
  BlockCache cache;
  std::vector<void*> blocks(8);
  for (void*& block : blocks) block = cache.take(32 * kMegabyte);
  for (void* block : blocks) cache.give_back(block);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  rlimit tight = before;
  tight.rlim_cur = own_memory("VmSize:") - 32 * kMegabyte;
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &tight), 0);
  void* large = cache.take(128 * kMegabyte);
  ::setrlimit(RLIMIT_AS, &before);
  EXPECT_LE(cache.unused_bytes(), 96 * kMegabyte);
  EXPECT_TRUE(cache.give_back(large));
}
#endif

TEST(BlockCache, ThreadsNeverShareABlock) {
  BlockCache cache;
  std::atomic<int> mixed = 0;
  std::vector<std::thread> threads;
  for (int id = 1; id <= 4; ++id) {
    threads.emplace_back([&cache, &mixed, id] {
      for (int round = 0; round < 200; ++round) {
        auto* bytes = static_cast<char*>(cache.take(kMegabyte));
        std::memset(bytes, id, 4096);
        std::this_thread::yield();
        for (int i = 0; i < 4096; ++i) mixed += bytes[i] != id;
        cache.give_back(bytes);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(mixed, 0);
}

#ifndef __SANITIZE_ADDRESS__
TEST(CachedCpuMemory, TensorsOfAStepFindTheBlocksOfTheLast) {
  const at::Tensor older = at::ones({1 << 20});  // from libtorch's own allocator
  use_cached_cpu_memory();
  use_cached_cpu_memory();
  std::set<const void*> places;
  for (int step = 0; step < 4; ++step) {
    const at::Tensor sum = older + older;
    EXPECT_EQ(sum[-1].item<float>(), 2);
    places.insert(sum.const_data_ptr());
  }
  EXPECT_EQ(places.size(), 1);
  EXPECT_EQ(at::empty({0}).numel(), 0);
  release_unused_cpu_memory();
  EXPECT_EQ((older + older).sum().item<float>(), 2 << 20);
}
#endif

}  // namespace
}  // namespace sd
