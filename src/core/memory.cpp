#include "core/memory.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <sys/resource.h>

#include "core/backend.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

/// The number behind a word of a file of "word number" lines; nothing where it is not there.
std::optional<double> find_number(const fs::path& path, const std::string& word) {
  std::ifstream file(path);
  std::string name;
  std::string rest;
  double number = 0;
  while (file >> name) {
    if (name == word && file >> number) return number;
    std::getline(file, rest);
  }
  return {};
}

std::optional<double> read_number(const fs::path& path) {
  double number = 0;
  if (std::ifstream(path) >> number) return number;
  return {};  // missing, or "max"
}

/// The folder of this process' memory group, from a line "4:memory:/path" (cgroup 1) or "0::/path"
/// (cgroup 2) of /proc/self/cgroup.
fs::path own_group() {
  std::ifstream file("/proc/self/cgroup");
  fs::path group;
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers == "memory") return "/sys/fs/cgroup/memory" + path;
    if (controllers.empty()) group = "/sys/fs/cgroup" + path;
  }
  return group;
}

/// What `ulimit -v` still allows.
std::optional<double> address_space_left() {
  constexpr double kKilobyte = 1024;
  rlimit limit{};
  const auto used = find_number("/proc/self/status", "VmSize:");
  if (!used || ::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return {};
  return std::max(static_cast<double>(limit.rlim_cur) - *used * kKilobyte, 0.0);
}

std::optional<double> smaller(std::optional<double> a, std::optional<double> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

}  // namespace

std::optional<double> read_free_memory(const fs::path& meminfo) {
  constexpr double kKilobyte = 1024;
  const auto memory = find_number(meminfo, "MemAvailable:");
  const auto swap = find_number(meminfo, "SwapFree:");
  if (!memory || !swap) return {};
  return (*memory + *swap) * kKilobyte;
}

std::optional<double> read_group_allowance(const fs::path& group) {
  auto limit = read_number(group / "memory.max");
  auto used = find_number(group / "memory.stat", "anon");
  if (!limit) {
    limit = read_number(group / "memory.limit_in_bytes");
    used = find_number(group / "memory.stat", "rss");
  }
  if (!limit || !used) return {};
  return std::max(*limit - *used, 0.0);
}

std::optional<double> available_memory(const c10::Device& device) {
  if (!device.is_cuda()) {
    auto allowed = read_free_memory("/proc/meminfo");
    for (fs::path group = own_group(); group.has_relative_path(); group = group.parent_path()) {
      allowed = smaller(allowed, read_group_allowance(group));
    }
    return smaller(allowed, address_space_left());
  }
  Backend* gpu = gpu_backend();
  if (!gpu) return {};
  const DeviceMemory memory = gpu->memory(device.index());
  return static_cast<double>(memory.total - std::min(memory.used, memory.total));
}

}  // namespace sd
