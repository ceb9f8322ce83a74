#include "core/block_cache.h"

#include <algorithm>
#include <cstdint>
#include <new>
#include <sys/mman.h>

namespace sd {
namespace {

constexpr size_t kPage = 4096;

size_t round_up(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// Fresh memory of whole pages from a multiple of the alignment on; nullptr where there is none.
void* map_aligned(size_t bytes, size_t alignment) {
  const size_t reserved = bytes + alignment;
  if (reserved < bytes) return nullptr;
  void* start =
      ::mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return nullptr;
  auto* first = static_cast<std::byte*>(start);
  const size_t before =
      round_up(reinterpret_cast<uintptr_t>(start), alignment) - reinterpret_cast<uintptr_t>(start);
  const size_t after = reserved - before - bytes;
  if (before > 0) ::munmap(first, before);
  if (after > 0) ::munmap(first + before + bytes, after);
  ::madvise(first + before, bytes, MADV_HUGEPAGE);  // where the kernel has them
  return first + before;
}

}  // namespace

void* BlockCache::take(size_t bytes) {
  if (bytes > SIZE_MAX - kAlignment) throw std::bad_alloc();
  const std::lock_guard lock(mutex_);
  bytes = round_up(std::max<size_t>(bytes, 1), kPage);
  const Block block = take_unused(bytes).value_or(Block{nullptr, bytes});
  void* begin = block.begin != nullptr ? block.begin : map_fresh(bytes);
  used_.emplace(begin, block.bytes);
  used_bytes_ += block.bytes;
  most_used_ = std::max(most_used_, used_bytes_);
  return begin;
}

/// The block that was given back last, of those at most an eighth too large.
std::optional<BlockCache::Block> BlockCache::take_unused(size_t bytes) {
  const auto fits = [bytes](const Block& block) {
    return block.bytes >= bytes && block.bytes - bytes <= bytes / 8;
  };
  const auto found = std::find_if(unused_.rbegin(), unused_.rend(), fits);
  if (found == unused_.rend()) return {};
  const Block block = *found;
  unused_.erase(std::next(found).base());
  unused_bytes_ -= block.bytes;
  return block;
}

/// Memory from the system, once enough unused blocks are gone.
void* BlockCache::map_fresh(size_t bytes) {
  const size_t most = std::max(most_used_, used_bytes_ + bytes);
  while (used_bytes_ + unused_bytes_ + bytes > most) release_oldest();
  for (;;) {
    if (void* fresh = map_aligned(bytes, kAlignment)) return fresh;
    if (unused_.empty()) throw std::bad_alloc();
    release_oldest();
  }
}

bool BlockCache::give_back(void* block) noexcept {
  if (reinterpret_cast<uintptr_t>(block) % kAlignment != 0) return false;
  const std::lock_guard lock(mutex_);
  const auto found = used_.find(block);
  if (found == used_.end()) return false;
  const size_t bytes = found->second;
  used_.erase(found);
  used_bytes_ -= bytes;
  try {
    unused_.push_back({block, bytes});
    unused_bytes_ += bytes;
  } catch (const std::bad_alloc&) {
    ::munmap(block, bytes);
  }
  return true;
}

void BlockCache::release_oldest() noexcept {
  const Block oldest = unused_.front();
  unused_.pop_front();
  unused_bytes_ -= oldest.bytes;
  ::munmap(oldest.begin, oldest.bytes);
}

void BlockCache::release_unused() noexcept {
  const std::lock_guard lock(mutex_);
  while (!unused_.empty()) release_oldest();
}

size_t BlockCache::used_bytes() const {
  const std::lock_guard lock(mutex_);
  return used_bytes_;
}

size_t BlockCache::unused_bytes() const {
  const std::lock_guard lock(mutex_);
  return unused_bytes_;
}

}  // namespace sd
