#include "core/cpu_allocator.h"

#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <malloc.h>

#include "core/block_cache.h"

namespace sd {
namespace {

constexpr size_t kLeastBlock = size_t{1} << 20;
constexpr uint8_t kPriority = 1;  // above that of libtorch's own

/// Outlives every tensor, those of static variables too.
BlockCache& blocks() {
  static auto* const kBlocks = new BlockCache;
  return *kBlocks;
}

void give_back(void* data) {
  if (!blocks().give_back(data)) c10::free_cpu(data);
}

class CachedAllocator : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* data = bytes >= kLeastBlock ? blocks().take(bytes) : c10::alloc_cpu(bytes);
    return {data, data, &give_back, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &give_back; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
};

}  // namespace

void use_cached_cpu_memory() {
#ifndef __SANITIZE_ADDRESS__
  static const bool kDone = [] {
    c10::SetCPUAllocator(new CachedAllocator, kPriority);
    return true;
  }();
  static_cast<void>(kDone);
#endif
}

void release_unused_cpu_memory() {
  blocks().release_unused();
  ::malloc_trim(0);
}

}  // namespace sd
