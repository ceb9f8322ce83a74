#pragma once

#include <c10/core/Device.h>
#include <filesystem>
#include <optional>

namespace sd {

/// Bytes that tensors of this process could still get on the device, at most: on the CPU free
/// memory, swap, and what the kernel's caches and the control group give up; on a GPU all that
/// tensors of this process do not hold. Nothing where the system does not say.
std::optional<double> available_memory(const c10::Device& device);

/// What /proc/meminfo calls MemAvailable and SwapFree, in bytes; nothing where one is not there.
std::optional<double> read_free_memory(const std::filesystem::path& meminfo);

/// What the control group `group` (a folder of cgroup 1 or 2) still allows, in bytes, not counting
/// cached files; nothing where it sets no limit.
std::optional<double> read_group_allowance(const std::filesystem::path& group);

}  // namespace sd
