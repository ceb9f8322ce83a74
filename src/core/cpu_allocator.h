#pragma once

namespace sd {

/// From now on libtorch's tensors of 1 MiB and more on the CPU are blocks of a BlockCache. The
/// first call counts. Nothing changes in a build with AddressSanitizer, which watches malloc.
void use_cached_cpu_memory();

/// Gives memory that tensors on the CPU had, and that none has now, back to the system.
void release_unused_cpu_memory();

}  // namespace sd
