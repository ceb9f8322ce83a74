#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>

namespace sd {

/// Large blocks of memory in huge pages, kept for the next who asks for about as much. A step of a
/// network asks for the same sizes as the step before it, and fresh pages from the kernel are dear:
/// each is cleared and mapped when it is first touched.
///
/// What is in use and what is kept never add up to more than what once was in use at a time, so the
/// cache does not raise the most memory that a program needs. Safe among threads.
class BlockCache {
 public:
  /// Blocks begin at multiples of this, the size of a huge page.
  static constexpr size_t kAlignment = size_t{1} << 21;

  BlockCache() = default;
  /// Unmaps the unused blocks; those in use stay.
  ~BlockCache() { release_unused(); }
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;

  /// A block of at least that many bytes, of any content. Errors: std::bad_alloc.
  void* take(size_t bytes);
  /// Takes a block back; false where it is none of this cache.
  bool give_back(void* block) noexcept;
  /// Gives all unused blocks back to the system.
  void release_unused() noexcept;

  size_t used_bytes() const;
  size_t unused_bytes() const;

 private:
  struct Block {
    void* begin;
    size_t bytes;
  };

  std::optional<Block> take_unused(size_t bytes);
  void* map_fresh(size_t bytes);
  void release_oldest() noexcept;

  mutable std::mutex mutex_;
  std::unordered_map<void*, size_t> used_;
  std::list<Block> unused_;  // the oldest first
  size_t used_bytes_ = 0;
  size_t unused_bytes_ = 0;
  size_t most_used_ = 0;
};

}  // namespace sd
